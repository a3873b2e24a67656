"""A loopback address for each running guest, held by a socket so that no two guests share one."""

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from proxmox_lab.guests.port import GuestFailure

FIRST_NETWORK = 60  # 127.60.0.0 and up: far from what people type
NETWORKS = 16  # by the high bits of the VM id
SPARE = 12  # more such blocks, tried in turn when another lab has the address
SSH_PORT = 22
UNPRIVILEGED_SSH_PORT = 2222
CLAIM_PORT = 2222  # datagrams; nobody answers there
TAKEN = (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL, errno.EPERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Foothold:
    """An address that is ours while ``claim`` is open, and the bound socket for SSH on it."""

    address: str
    ssh_port: int
    claim: socket.socket
    ssh: socket.socket

    def close(self) -> None:
        """Give the address back."""
        self.ssh.close()
        self.claim.close()


def addresses(vmid: int) -> Iterator[str]:
    """The address of a VM id, then others for the case that it is taken."""
    high, low = (vmid >> 8) & 0xFF, vmid & 0xFF
    for spare in range(SPARE):
        network = FIRST_NETWORK + (vmid >> 16) % NETWORKS + spare * NETWORKS
        yield f"127.{network}.{high}.{low}"


def take_foothold(vmid: int) -> Foothold:
    """Bind SSH on an address of this VM: port 22 where that is allowed, else 2222.

    A datagram socket marks the address as taken: unlike a bound stream socket it excludes others
    even before it listens, and it leaves nothing behind that would bar the next start.
    """
    for address in addresses(vmid):
        claim = _bound(socket.SOCK_DGRAM, address, CLAIM_PORT)
        if claim is None:
            continue
        for port in (SSH_PORT, UNPRIVILEGED_SSH_PORT):
            ssh = _bound(socket.SOCK_STREAM, address, port)
            if ssh is not None:
                return Foothold(address=address, ssh_port=port, claim=claim, ssh=ssh)
        claim.close()
    raise GuestFailure(
        f"no loopback address is free for VM {vmid}: is something listening on ports {SSH_PORT} "
        f"and {UNPRIVILEGED_SSH_PORT} of all addresses, or does this system have 127.0.0.1 alone?"
    )


def _bound(kind: socket.SocketKind, address: str, port: int) -> socket.socket | None:
    candidate = socket.socket(socket.AF_INET, kind)
    if kind is socket.SOCK_STREAM:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    candidate.setblocking(False)
    try:
        candidate.bind((address, port))
    except OSError as error:
        candidate.close()
        if error.errno in TAKEN:
            return None
        raise
    return candidate
