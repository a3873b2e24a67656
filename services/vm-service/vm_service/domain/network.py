"""Addresses and VM ids: which ones are free, and which one comes next."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_address

from vm_service.domain.trouble import Trouble, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPool:
    """The network of the guests. The gateway, the first and the last address are not given out."""

    network: IPv4Network
    gateway: IPv4Address

    def pick(self, *, hint: int, taken: AbstractSet[str]) -> str:
        """Return a free address, the same one for the same hint unless it is taken."""
        size = self.network.num_addresses - 2
        for offset in range(size):
            candidate = self.network[1 + (hint + offset) % size]
            if candidate != self.gateway and str(candidate) not in taken:
                return str(candidate)
        raise Trouble(
            Verdict.REFUSED,
            f"no address is free in {self.network}",
            "delete servers, or widen SPAWNYARD_ADDRESS_POOL",
        )

    def with_prefix(self, address: str) -> str:
        """Return the address in the notation of ``ipconfig0``."""
        return f"{address}/{self.network.prefixlen}"


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
            "delete servers, or widen the range of SPAWNYARD_VMID_FIRST and SPAWNYARD_VMID_LAST",
        )


def is_address(text: str, address: str) -> bool:
    """Compare what a guest says with the one address it was given; nonsense is not equal."""
    try:
        return ip_address(text.strip()) == ip_address(address)
    except ValueError:
        return False
