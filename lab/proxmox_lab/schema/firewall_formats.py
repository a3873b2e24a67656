"""Formats of firewall parameters: addresses, ports, protocols."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from functools import partial
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
_COMMAS: Final = "extraneous commas in list\n"
# What a packet of the control protocol may be about, as the two versions call it.
ICMP: Final = frozenset(
    ("any", "echo-reply", "destination-unreachable", "network-unreachable", "host-unreachable",
     "protocol-unreachable", "port-unreachable", "fragmentation-needed", "source-route-failed",
     "network-unknown", "host-unknown", "network-prohibited", "host-prohibited",
     "TOS-network-unreachable", "TOS-host-unreachable", "communication-prohibited",
     "host-precedence-violation", "precedence-cutoff", "source-quench", "redirect",
     "network-redirect", "host-redirect", "TOS-network-redirect", "TOS-host-redirect",
     "echo-request", "router-advertisement", "router-solicitation", "time-exceeded",
     "ttl-zero-during-transit", "ttl-zero-during-reassembly", "parameter-problem",
     "ip-header-bad", "required-option-missing", "timestamp-request", "timestamp-reply",
     "address-mask-request", "address-mask-reply")
)  # fmt: skip
ICMP6: Final = frozenset(
    ("destination-unreachable", "no-route", "communication-prohibited", "beyond-scope",
     "address-unreachable", "port-unreachable", "failed-policy", "reject-route",
     "packet-too-big", "time-exceeded", "ttl-zero-during-transit", "ttl-zero-during-reassembly",
     "parameter-problem", "bad-header", "unknown-header-type", "unknown-option", "echo-request",
     "echo-reply", "router-solicitation", "router-advertisement", "neighbor-solicitation",
     "neighbour-solicitation", "neighbor-advertisement", "neighbour-advertisement", "redirect")
)  # fmt: skip


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
    items = value.split(",")
    if not items[-1]:
        return _COMMAS
    ends = [end for item in items for end in item.split("-", 1)]
    wrong = next((found for found in map(address, ends) if found), None)
    if wrong:
        return wrong
    if len({ipaddress.ip_interface(end).version for end in ends}) > 1:
        return f"detected mixed ipv4/ipv6 addresses in address list '{value}'\n"
    return "you can't use a range in a list\n" if len(ends) > len(items) > 1 else None


def _ports(value: str, *, names: frozenset[str]) -> str | None:
    """A list of ports, ranges and services; ``names`` stand alone."""
    items = value.split(",")
    if not items[-1]:
        return _COMMAS
    wrong = next((found for item in items for found in [_port(item, names)] if found), None)
    if wrong:
        return wrong
    numbers = sum(1 + (":" in item) for item in items if item[0].isdigit())
    if numbers and any(item in names for item in items):
        return "ICMP ports not allowed in port range\n"
    return "too many entries in port list (> 15 numbers)\n" if numbers > _MOST else None


def _port(item: str, names: frozenset[str]) -> str | None:
    found = _PORTS.match(item)
    if not found:
        return None if item in names or _SERVICE.match(item) else f"invalid port '{item}'\n"
    ends = [end for end in found.groups() if end]
    wrong = next((end for end in ends if int(end) > 65535), None)
    if wrong:
        return f"invalid port '{wrong}'\n"
    if len(ends) > 1 and int(ends[0]) > int(ends[1]):
        turned = ":".join(reversed(ends))
        return f"backwards range '{item}' not allowed, did you mean '{turned}'?\n"
    return None


def protocol(value: str) -> str | None:
    """A protocol by name or number."""
    known = not value or value in _PROTOCOLS or (value.isdigit() and int(value) < 256)
    return None if known else f"unknown protocol '{value}'\n"


def icmp_type(value: str) -> str | None:
    """What a packet of the control protocol is about."""
    known = not value or value in ICMP | ICMP6
    return None if known else f"invalid icmp-type value '{value}'\n"


FIREWALL: Final[Mapping[str, Callable[[str], str | None]]] = {
    "IPorCIDR": address,
    "IPorCIDRorAlias": address_or_alias,
    "pve-fw-addr-spec": address_list,
    "pve-fw-dport-spec": partial(_ports, names=ICMP | ICMP6),
    "pve-fw-icmp-type-spec": icmp_type,
    "pve-fw-sport-spec": partial(_ports, names=frozenset()),
    "pve-fw-protocol-spec": protocol,
}
