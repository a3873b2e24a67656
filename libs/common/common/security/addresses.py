"""Which addresses may be connected to for somebody else: public ones, and those an operator opens.

An IPv4 address that an IPv6 one carries (mapped, NAT64, 6to4, compatible) is judged as what it is.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

INNER_V4: Final = tuple(
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
)
GLOBAL_V6: Final = IPv6Network("2000::/3")
INNER_V6: Final = tuple(
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
MAPPED: Final = IPv6Network("::ffff:0:0/96")
NAT64: Final = IPv6Network("64:ff9b::/96")
SIX_TO_FOUR: Final = IPv6Network("2002::/16")
COMPATIBLE: Final = IPv6Network("::/96")
OWN_V6: Final = frozenset({IPv6Address("::"), IPv6Address("::1")})  # carry nothing

ANYWHERE: Final = "*"
HERE: Final = "localhost"
LOOPBACK: Final = "127.0.0.1"
# What an address is that may not be connected to.
NOT_PUBLIC: Final = "of an inner network"
CLOSED: Final = "kept closed"
IN_THE_CLEAR: Final = "not to be asked by http"


def parsed(text: str) -> Address | None:
    """Return what a text means, if it is an address in its one plain spelling. No zone ids."""
    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None


def unmapped(address: Address) -> Address:
    """Return the IPv4 address that one carries, or itself."""
    if not isinstance(address, IPv6Address) or address in OWN_V6:
        return address
    if address in MAPPED or address in NAT64 or address in COMPATIBLE:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in SIX_TO_FOUR:
        return IPv4Address(int(address) >> 80 & 0xFFFF_FFFF)
    return address


def is_public(address: Address) -> bool:
    """Tell whether an address is in the public internet. 6to4 and its like never are."""
    if isinstance(address, IPv6Address):
        if address in MAPPED or address in NAT64:
            return is_public(unmapped(address))
        return address in GLOBAL_V6 and not any(address in inner for inner in INNER_V6)
    return not any(address in inner for inner in INNER_V4)


def place(host: str) -> str:
    """Return the one name of a host, however it is written; this machine is ``localhost``."""
    name = host.strip("[]").rstrip(".").lower()
    address = parsed(name)
    if address is None:
        return HERE if name == HERE or name.endswith(f".{HERE}") else name
    address = unmapped(address)
    return HERE if address.is_loopback or address.is_unspecified else str(address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What an operator opens, and what stays closed for all that.

    ``cidrs``: inner networks that may be connected to. ``closed``: hosts (names, addresses, or
    ``*`` for any) with the port of each that never may.
    """

    cidrs: tuple[Network, ...] = ()
    closed: tuple[tuple[str, int], ...] = ()

    def opens(self, address: Address) -> bool:
        """Tell whether an address was opened, in whichever form it comes."""
        inner = unmapped(address)
        return any(inner in network for network in self.cidrs)

    def closes(self, host: str, port: int) -> bool:
        """Tell whether a host's port stays closed; a name is not resolved here."""
        wanted = place(host)
        return any(
            number == port and (name == ANYWHERE or place(name) == wanted)
            for name, number in self.closed
        )

    def closed_hosts(self, port: int) -> frozenset[str]:
        """Return the names and addresses whose ``port`` stays closed, wherever names lead."""
        places = {place(host) for host, number in self.closed if number == port}
        return frozenset(LOOPBACK if one == HERE else one for one in places - {ANYWHERE})

    def refusal(self, address: Address, port: int, *, encrypted: bool) -> str | None:
        """Return what an address is that may not be connected to; ``None``: it may be."""
        opened = self.opens(address)
        if self.closes(str(address), port):
            return CLOSED
        if not opened and not is_public(address):
            return NOT_PUBLIC
        return None if encrypted or opened else IN_THE_CLEAR
