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
BACKLOG = 128


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

    The socket on 2222 is bound either way: it is what marks the address as taken.
    """
    for address in addresses(vmid):
        claim = _bound(address, UNPRIVILEGED_SSH_PORT)
        if claim is None:
            continue
        ssh = _bound(address, SSH_PORT)
        if ssh is None:
            return Foothold(address=address, ssh_port=UNPRIVILEGED_SSH_PORT, claim=claim, ssh=claim)
        return Foothold(address=address, ssh_port=SSH_PORT, claim=claim, ssh=ssh)
    raise GuestFailure(
        f"no loopback address is free for VM {vmid}: is something listening on port "
        f"{UNPRIVILEGED_SSH_PORT} of all addresses, or does this system have 127.0.0.1 alone?"
    )


def _bound(address: str, port: int) -> socket.socket | None:
    candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    candidate.setblocking(False)
    try:
        candidate.bind((address, port))
    except OSError as error:
        candidate.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL, errno.EPERM):
            return None
        raise
    return candidate
