"""Formats of firewall parameters: addresses, ports, protocols."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final

_ALIAS: Final = re.compile(r"^(?:dc/|guest/)?[A-Za-z][A-Za-z0-9\-_]+$")
_IPSET: Final = re.compile(r"^\+(?:dc/|guest/)?[A-Za-z][A-Za-z0-9\-_]+$")
_PORTS: Final = re.compile(r"^(\d+)(?::(\d+))?$")
_SERVICE: Final = re.compile(r"^[a-z][a-z0-9+_.-]*$")
_MOST: Final = 15
_PROTOCOLS: Final = frozenset(
    ("ip", "icmp", "igmp", "ggp", "ipencap", "tcp", "egp", "igp", "udp", "hmp", "rdp", "dccp",
     "ipv6", "ipv6-route", "ipv6-frag", "rsvp", "gre", "esp", "ah", "skip", "ipv6-icmp", "icmpv6",
     "ipv6-nonxt", "ipv6-opts", "eigrp", "ospf", "ipip", "etherip", "encap", "pim", "ipcomp",
     "vrrp", "l2tp", "isis", "sctp", "fc", "mobility-header", "udplite", "mpls-in-ip")
)  # fmt: skip
_NO_ADDRESS: Final = "value does not look like a valid IP address or CIDR network\n"


def address(value: str) -> str | None:
    """An address or a network."""
    try:
        ipaddress.ip_interface(value)
    except ValueError:
        return _NO_ADDRESS
    return None


def address_or_alias(value: str) -> str | None:
    """An address, a network or a name for one."""
    return None if _ALIAS.match(value) else address(value)


def address_list(value: str) -> str | None:
    """What a rule matches: an IP set, an alias, or a list of addresses and ranges."""
    if _IPSET.match(value) or _ALIAS.match(value):
        return None
    parts = [end for part in value.split(",") for end in part.split("-", 1)]
    return next((wrong for wrong in map(address, parts) if wrong), None)


def ports(value: str) -> str | None:
    """A list of ports, ranges and services."""
    count = 0
    for item in value.split(","):
        found = _PORTS.match(item)
        if not found and not _SERVICE.match(item):
            return f"invalid port '{item}'\n"
        low, high = (int(end) for end in (found[1], found[2] or found[1])) if found else (0, 0)
        if not low <= high <= 65535:
            return f"invalid port '{item}'\n"
        count += 1 + (high > low)
    return "too many entries in port list (> 15 numbers)\n" if count > _MOST else None


def protocol(value: str) -> str | None:
    """A protocol by name or number."""
    known = value in _PROTOCOLS or (value.isdigit() and int(value) < 256)
    return None if known else f"invalid protocol '{value}'\n"


FIREWALL: Final[Mapping[str, Callable[[str], str | None]]] = {
    "IPorCIDR": address,
    "IPorCIDRorAlias": address_or_alias,
    "pve-fw-addr-spec": address_list,
    "pve-fw-dport-spec": ports,
    "pve-fw-sport-spec": ports,
    "pve-fw-protocol-spec": protocol,
}
