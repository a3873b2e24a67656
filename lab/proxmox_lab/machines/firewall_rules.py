"""Firewall rules: what makes one acceptable, in the words of Proxmox's own check."""

import ipaddress
from typing import Final

from proxmox_lab.refusal import invalid
from proxmox_lab.schema.firewall_formats import ICMP, ICMP6
from proxmox_lab.site.firewall import Firewall, Rule

_ACTIONS: Final = ("ACCEPT", "DROP", "REJECT")
_WITH_PORTS: Final = frozenset({"tcp", "udp", "udplite", "sctp", "dccp", "6", "17", "33", "132"})
_ICMP: Final = {"icmp": 4, "icmpv6": 6, "ipv6-icmp": 6}
_NEEDS: Final = "missing property - '{}' requires this property"
MACROS: Final = (
    "Amanda", "Auth", "BGP", "BitTorrent", "Ceph", "CVS", "DHCPfwd", "DHCPv6", "Distcc", "DNS",
    "Finger", "FTP", "GRE", "HTTP", "HTTPS", "IMAP", "IMAPS", "IPsec", "IRC", "LDAP", "LDAPS",
    "Mail", "MDNS", "MySQL", "NTP", "OpenVPN", "Ping", "POP3", "POP3S", "PostgreSQL", "PPtP",
    "RDP", "Rsync", "SMB", "SMTP", "SMTPS", "SNMP", "SSH", "Syslog", "Telnet", "TFTP", "Time",
    "VNC", "Web",
)  # fmt: skip


class Check:
    """One rule among the names of its own firewall and the cluster's."""

    def __init__(self, rule: Rule, own: Firewall, cluster: Firewall, *, of: str) -> None:
        self._rule = rule
        self._firewalls = (own, cluster)
        self._of = of  # cluster, host, vm, ct or group

    def run(self) -> None:
        """Refuse the rule with the first thing that is wrong with it."""
        for part in (self._kind, self._card, self._macro, self._ports, self._icmp, self._addresses):
            part()

    def _kind(self) -> None:
        kind, action = self._rule.get("type", ""), self._rule.get("action", "")
        for name in ("type", "action"):
            if not self._rule.get(name):
                raise invalid({name: "missing property"})
        if kind == "group":
            if self._of == "group":
                raise invalid({"type": "security groups not allowed"})
            if action not in self._firewalls[1].groups:
                raise invalid({"action": f"no such security group '{action}'"})
        elif action not in _ACTIONS:
            raise invalid({"action": f"unknown action '{action}'"})

    def _card(self) -> None:
        name = self._rule.get("iface", "")
        if name and self._of == "group":
            raise invalid({"type": "parameter -i not allowed for this rule type"})
        if name and self._of in ("vm", "ct") and not (name[:3] == "net" and name[3:].isdigit()):
            raise invalid({"iface": "value does not match the regex pattern 'net\\d+'"})

    def _macro(self) -> None:
        given = self._rule.get("macro")
        if given:
            known = {macro.lower(): macro for macro in MACROS}
            if given.lower() not in known:
                raise invalid({"macro": f"unknown macro '{given}'"})
            self._rule["macro"] = known[given.lower()]

    def _ports(self) -> None:
        protocol = self._rule.get("proto")
        for port in ("dport", "sport"):
            if not self._rule.get(port):
                continue
            if not protocol:
                raise invalid({"proto": _NEEDS.format(port)})
            icmp = port == "dport" and protocol in _ICMP
            if protocol not in _WITH_PORTS and not icmp:
                raise invalid({port: f"protocol '{protocol}' does not support ports"})

    def _icmp(self) -> None:
        kind, protocol = self._rule.get("icmp-type"), self._rule.get("proto", "")
        if not kind:
            return
        if protocol not in _ICMP:
            raise invalid({"proto": _NEEDS.format("icmp-type")})
        if self._rule.get("dport"):
            text = "'icmp-type' cannot be specified together with 'dport'"
            raise invalid({"icmp-type": text})
        if kind not in (ICMP if _ICMP[protocol] == 4 else ICMP6):
            raise invalid({"icmp-type": f"invalid icmp-type '{kind}' for proto '{protocol}'"})

    def _addresses(self) -> None:
        for name in ("source", "dest"):
            given = self._rule.get(name, "")
            short = given.rpartition("/")[2] if given.startswith(("+", "dc/", "guest/")) else given
            if given.startswith("+"):
                short = short.lstrip("+")
                known = any(short in each.ipsets for each in self._firewalls)
                _refuse_unknown(name, f"ipset '{short}'", known=known)
            elif given[:1].isalpha() and ":" not in given:
                known = any(short.lower() in each.aliases for each in self._firewalls)
                _refuse_unknown(name, f"alias '{given}'", known=known)


def _refuse_unknown(name: str, what: str, *, known: bool) -> None:
    if not known:
        raise invalid({name: f"no such {what}"})


def ip_version(rule: Rule) -> int | None:
    """Say which protocol version a rule is tied to by its addresses, if by any."""
    for name in ("source", "dest"):
        for part in rule.get(name, "").split(","):
            try:
                return ipaddress.ip_interface(part.partition("-")[0]).version
            except ValueError:
                continue
    return _ICMP.get(rule.get("proto", ""))
