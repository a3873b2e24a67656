"""Addresses and VM ids: which are free, which comes next, and what a guest is believed."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv6Address,
    IPv6Interface,
    ip_address,
)
from typing import Final

from common.contracts.hypervisor import Assignment, Network
from vm_service.domain.trouble import Trouble, Verdict

Address = IPv4Address | IPv6Address

MOST_TRIED: Final = 2**20  # addresses of one network that are looked at


@dataclass(frozen=True, slots=True)
class AddressBook:
    """The networks guests are attached to, and whose addresses are whose.

    Gateways, name servers and the first and last address of a subnet are never given out.
    """

    networks: tuple[Network, ...]

    def assign(
        self, *, hint: int, taken: AbstractSet[str], network: str | None = None
    ) -> Assignment:
        """Return a free place in the first network that has one, or in the one that is named.

        The same hint gets the same address unless it is ``taken`` (addresses, no prefixes).
        """
        offered = [one for one in self.networks if network in {None, one.name}]
        if not offered:
            known = ", ".join(one.name for one in self.networks)
            raise Trouble(
                Verdict.REFUSED,
                f"there is no network {network!r}",
                f"use one of these: {known}; or add it to the hypervisor's settings",
            )
        for one in offered:
            assignment = _assigned(one, hint=hint, taken=taken)
            if assignment is not None:
                return assignment
        raise Trouble(
            Verdict.REFUSED,
            f"no address is free in {', '.join(str(one.subnet) for one in offered)}",
            "delete servers, or widen the networks in the hypervisor's settings",
        )

    def of(self, address: str) -> Assignment | None:
        """Return what a guest that has this address was given, if a network holds it."""
        parsed = _parsed(address)
        for one in self.networks:
            if isinstance(parsed, IPv4Address) and parsed in one.subnet:
                if one.mode == "dhcp":
                    return Assignment(network=one)
                return Assignment(
                    network=one, address=IPv4Interface((parsed, one.subnet.prefixlen))
                )
        return None

    @staticmethod
    def believes(
        claimed: str,
        assignment: Assignment,
        *,
        others: AbstractSet[str],
        hosts: AbstractSet[str],
    ) -> bool:
        """Tell whether an address a guest claims is taken for its own.

        Given one, it must be that one. By DHCP, it must lie where guests' addresses lie and
        belong to nobody else: neither to another machine (``others``) nor to a node (``hosts``).
        """
        address = _parsed(claimed)
        if address is None or str(address) in others or str(address) in hosts:
            return False
        if assignment.network.mode == "static":
            given = {one.ip for one in (assignment.address, assignment.address6) if one}
            return address in given
        return _is_for_guests(assignment.network, address)


def _assigned(network: Network, *, hint: int, taken: AbstractSet[str]) -> Assignment | None:
    if network.mode == "dhcp":
        return Assignment(network=network)
    address = _free4(network, hint=hint, taken=taken)
    if address is None:
        return None
    address6 = None
    if network.subnet6 is not None:
        free6 = _free6(network, hint=hint, taken=taken)
        if free6 is None:
            return None
        address6 = IPv6Interface((free6, network.subnet6.prefixlen))
    given = IPv4Interface((address, network.subnet.prefixlen))
    return Assignment(network=network, address=given, address6=address6)


def _free4(network: Network, *, hint: int, taken: AbstractSet[str]) -> IPv4Address | None:
    first, last = bounds(network)
    for number in _around(int(last) - int(first) + 1, hint):
        candidate = first + number
        if candidate not in reserved(network) and str(candidate) not in taken:
            return candidate
    return None


def _free6(network: Network, *, hint: int, taken: AbstractSet[str]) -> IPv6Address | None:
    assert network.subnet6 is not None
    size = network.subnet6.num_addresses - 1
    for number in _around(size, hint):
        candidate = network.subnet6[1 + number]  # the first is the routers' anycast address
        if candidate not in reserved(network) and str(candidate) not in taken:
            return candidate
    return None


def _around(size: int, hint: int) -> Iterator[int]:
    """Give the numbers below ``size``, beginning at the hint."""
    return ((hint + offset) % size for offset in range(min(size, MOST_TRIED)))


def bounds(network: Network) -> tuple[IPv4Address, IPv4Address]:
    """Return the first and the last address for guests; a subnet's own ends are never theirs."""
    subnet = network.subnet
    own = 1 if subnet.prefixlen < 31 else 0  # noqa: PLR2004  RFC 3021 has no broadcast there
    first = max(network.first or subnet[0], subnet[0] + own)
    last = min(network.last or subnet[-1], subnet[-1] - own)
    return first, last


def reserved(network: Network) -> frozenset[Address]:
    """Return the addresses that are somebody's already."""
    named = (network.gateway, network.gateway6, *network.nameservers)
    return frozenset(address for address in named if address is not None)


def _is_for_guests(network: Network, address: Address) -> bool:
    if address in reserved(network) or _is_special(address):
        return False
    if isinstance(address, IPv4Address):
        first, last = bounds(network)
        return first <= address <= last
    return network.subnet6 is not None and address in network.subnet6


def _is_special(address: Address) -> bool:
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
    )


def _parsed(text: str) -> Address | None:
    """Read an address; nonsense, and one that is only valid on some interface, is none."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


@dataclass(frozen=True, slots=True, kw_only=True)
class VmidRange:
    """The VM ids that are ours to use."""

    first: int
    last: int

    def pick(self, *, newest: int | None, taken: AbstractSet[int]) -> int:
        """Return the id after the newest one, or, at the end of the range, the lowest free.

        An id is not used again at once: late tasks of its last VM cannot meet the next one.
        """
        start = self.first if newest is None or newest < self.first else newest + 1
        for vmid in range(start, self.last + 1):
            if vmid not in taken:
                return vmid
        for vmid in range(self.first, min(start, self.last + 1)):
            if vmid not in taken:
                return vmid
        raise Trouble(
            Verdict.REFUSED,
            f"no VM id is free in {self.first}-{self.last}",
            "delete servers, or widen vmid_first and vmid_last in the hypervisor's settings",
        )
