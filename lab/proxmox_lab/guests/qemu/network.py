"""A guest's network as QEMU's user mode offers it: the guest's truth inside, loopback outside."""

import errno
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Final

from proxmox_lab.guests.port import GuestConfig, GuestFailure, Reach, ReachedPort

SSH_PORT: Final = 22
# Tried in order: an ordinary user may not bind the first.
_SSH_OUTSIDE: Final = (SSH_PORT, 2222)
_PRIVILEGED: Final = 1024
_SHIFT_OF_PRIVILEGED: Final = 10_000
_BLOCKS: Final = range(10, 110)  # second number of 127.x.y.z, one after another where taken
_DHCP: Final = IPv4Interface("10.0.2.15/24")
_DHCP_GATEWAY: Final = IPv4Address("10.0.2.2")
_KIND: Final = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}

# (address, protocol, port) -> may we bind it? Raises PermissionError when the port is privileged.
MayBind = Callable[[str, str, int], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestNetwork:
    """The network around one guest: what user mode pretends to be."""

    own: IPv4Interface
    gateway: IPv4Address
    resolver: IPv4Address


def network_of(config: GuestConfig) -> GuestNetwork:
    """Return the network that makes the guest's configured address true."""
    if config.address is None:
        return _around(_DHCP, _DHCP_GATEWAY)
    try:
        own = IPv4Interface(config.address)
        gateway = IPv4Address(config.gateway) if config.gateway else None
    except ValueError as unreadable:
        raise GuestFailure(f"ipconfig0 is not usable: {unreadable}") from unreadable
    if gateway is not None and gateway not in own.network:
        raise GuestFailure(f"gateway {gateway} is not in the guest's network {own.network}")
    return _around(own, gateway or next(_free(own.network, {own.ip})))


def _around(own: IPv4Interface, gateway: IPv4Address) -> GuestNetwork:
    resolver = next(_free(own.network, {own.ip, gateway}))
    return GuestNetwork(own=own, gateway=gateway, resolver=resolver)


def _free(network: IPv4Network, taken: set[IPv4Address]) -> Iterator[IPv4Address]:
    """Addresses from the network's far end, where no pool hands out any."""
    for number in range(int(network.broadcast_address) - 1, int(network.network_address), -1):
        if IPv4Address(number) not in taken:
            yield IPv4Address(number)
    yield network.broadcast_address


def netdev(network: GuestNetwork, reach: Reach) -> str:
    """Return QEMU's ``-netdev`` argument."""
    guest = network.own.ip
    rules = [f"tcp:{reach.ssh_host}:{reach.ssh_port}-{guest}:{SSH_PORT}"] if reach.ssh_port else []
    rules += [
        f"{port.protocol}:{reach.public_host}:{port.public_port}-{guest}:{port.guest_port}"
        for port in reach.ports
    ]
    settings = (
        f"net={network.own.network}",
        f"host={network.gateway}",
        f"dns={network.resolver}",
        f"dhcpstart={guest}",
        *(f"hostfwd={rule}" for rule in rules),
    )
    return ",".join(("user", "id=n0", "ipv6=off", *settings))


def choose_reach(config: GuestConfig, may_bind: MayBind) -> Reach:
    """Return this VM's loopback address and ports: its own ones, unless they are taken."""
    for address in loopback_addresses(config.vmid):
        reach = _reach_on(address, config, may_bind)
        if reach is not None:
            return reach
    raise GuestFailure(f"no loopback address is free for VM {config.vmid}")


def loopback_addresses(vmid: int) -> Iterator[str]:
    """Addresses for a VM, the preferred one first; neighbours never share one."""
    high, rest = divmod(vmid, 1 << 16)
    for step in range(len(_BLOCKS)):
        block = _BLOCKS[(high + step) % len(_BLOCKS)]
        yield f"127.{block}.{rest >> 8}.{rest & 0xFF}"


def _reach_on(address: str, config: GuestConfig, may_bind: MayBind) -> Reach | None:
    ssh = _first_free(address, "tcp", _SSH_OUTSIDE, may_bind)
    if ssh is None:
        return None
    ports: list[ReachedPort] = []
    for protocol, port in config.ports:
        if (protocol, port) == ("tcp", SSH_PORT):
            continue
        outside = (port, port + _SHIFT_OF_PRIVILEGED) if port < _PRIVILEGED else (port,)
        public = _first_free(address, protocol, outside, may_bind)
        if public is None:
            return None
        ports.append(ReachedPort(protocol=protocol, guest_port=port, public_port=public))
    return Reach(ssh_host=address, ssh_port=ssh, public_host=address, ports=tuple(ports))


def _first_free(
    address: str, protocol: str, ports: tuple[int, ...], may_bind: MayBind
) -> int | None:
    for port in ports:
        try:
            return port if may_bind(address, protocol, port) else None
        except PermissionError:
            continue
    return None


def may_bind(address: str, protocol: str, port: int) -> bool:
    """Try it; nothing listens afterwards."""
    with socket.socket(socket.AF_INET, _KIND[protocol]) as attempt:
        if protocol == "tcp":  # QEMU sets it too: connections of a past guest do not count
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((address, port))
        except PermissionError:
            raise
        except OSError as refused:
            if refused.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                return False
            raise
    return True


def still_fits(reach: Reach, config: GuestConfig) -> bool:
    """Tell whether a former start's reach covers the ports of now and is free."""
    outside = [("tcp", reach.ssh_port), *((p.protocol, p.public_port) for p in reach.ports)]
    inside = {(port.protocol, port.guest_port) for port in reach.ports}
    wanted = {port for port in config.ports if port != ("tcp", 22)}
    try:
        free = all(may_bind(reach.ssh_host, protocol, port) for protocol, port in outside)
    except PermissionError:
        return False
    return free and inside == wanted
