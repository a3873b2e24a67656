"""The files a cloud-init drive holds for a machine: user, network and meta data."""

import hashlib
import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from proxmox_lab.machines.cloud_init import keys_of
from proxmox_lab.machines.config import NET
from proxmox_lab.schema.properties import loosely

HOST_DNS: Final = "10.255.255.53"
_MAC: Final = re.compile(r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")
_WINDOWS: Final = re.compile(r"^(win|w2k|wvista|wxp)")
Values = Mapping[str, str]


def user_data(vmid: int, now: Values) -> str:
    """Who is let in, and the guest's name."""
    name = now.get("name", f"VM{vmid}")
    host, dot, _ = name.partition(".")
    domain = now.get("searchdomain")
    lines = [
        "#cloud-config",
        f"hostname: {host}",
        "manage_etc_hosts: true",
        f"fqdn: {name if dot or not domain else f'{host}.{domain}'}",
    ]
    lines += [f"user: {now['ciuser']}"] if "ciuser" in now else []
    lines += [f"password: {now['cipassword']}"] if "cipassword" in now else []
    if "sshkeys" in now:
        lines += ["ssh_authorized_keys:", *(f"  - {key}" for key in keys_of(now))]
    lines += ["chpasswd:", "  expire: False"]
    lines += ["users:", "  - default"] if now.get("ciuser") != "root" else []
    lines += ["package_upgrade: true"] if now.get("ciupgrade", "1") == "1" else []
    return "\n".join(lines) + "\n"


def network_data(now: Values) -> str:
    """How the guest's cards are set, in the format of its cloud-init type."""
    lines = _nocloud(now) if _is_nocloud(now) else _interfaces(now)
    return "\n".join(lines) + "\n"


def meta_data(vmid: int, now: Values) -> str:
    """Name this state of the other two; cloud-init runs anew when the name changes."""
    text = user_data(vmid, now) + network_data(now)
    name = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    if _is_nocloud(now):
        return f"instance-id: {name}\n"
    meta = {"uuid": name, "network_config": {"content_path": "/content/0000"}}
    return json.dumps(meta, indent=3) + "\n"


def _is_nocloud(now: Values) -> bool:
    usual = "configdrive2" if _WINDOWS.match(now.get("ostype", "")) else "nocloud"
    return now.get("citype", usual) == "nocloud"


def _cards(now: Values) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Number, MAC and address settings of every card that has any."""
    for key in sorted(filter(NET.match, now)):
        number = key.removeprefix("net")
        mac = _MAC.search(now[key])
        settings = loosely(now.get(f"ipconfig{number}", ""))
        settings.pop("", None)
        if settings:
            yield number, mac[0].lower() if mac else "", settings


def _dns(now: Values) -> tuple[list[str], list[str]]:
    return now.get("nameserver", HOST_DNS).split(), now.get("searchdomain", "").split()


def _nocloud(now: Values) -> list[str]:
    lines = ["version: 1", "config:"]
    for number, mac, settings in _cards(now):
        lines += ["    - type: physical", f"      name: eth{number}"]
        lines += [f"      mac_address: '{mac}'", "      subnets:"]
        lines += [f"      {line}" for line in (*_subnet4(settings), *_subnet6(settings))]
    servers, domains = _dns(now)
    lines.append("    - type: nameserver")
    for title, entries in (("address", servers), ("search", domains)):
        lines += [f"      {title}:"] if entries else []
        lines += [f"      - '{entry}'" for entry in entries]
    return lines


def _subnet4(settings: Values) -> list[str]:
    given = settings.get("ip")
    if given in (None, "manual"):
        return []
    if given == "dhcp":
        return ["- type: dhcp4"]
    card = ipaddress.ip_interface(given or "")
    gateway = [f"  gateway: '{settings['gw']}'"] if "gw" in settings else []
    return ["- type: static", f"  address: '{card.ip}'", f"  netmask: '{card.netmask}'", *gateway]


def _subnet6(settings: Values) -> list[str]:
    given = settings.get("ip6")
    if given in (None, "manual"):
        return []
    if given in ("dhcp", "auto"):
        return ["- type: dhcp6" if given == "dhcp" else "- type: ipv6_slaac"]
    gateway = [f"  gateway: '{settings['gw6']}'"] if "gw6" in settings else []
    return ["- type: static6", f"  address: '{given}'", *gateway]


def _interfaces(now: Values) -> list[str]:
    servers, domains = _dns(now)
    lines = ["auto lo", "iface lo inet loopback", ""]
    lines += [f"        dns_nameservers {' '.join(servers)}"] if servers else []
    lines += [f"        dns_search {' '.join(domains)}"] if domains else []
    for number, _, settings in _cards(now):
        lines.append(f"auto eth{number}")
        lines += _interface(f"iface eth{number} inet", settings.get("ip"), settings.get("gw"))
        lines += _interface(f"iface eth{number} inet6", settings.get("ip6"), settings.get("gw6"))
    return lines


def _interface(start: str, given: str | None, gateway: str | None) -> list[str]:
    if given in (None, "manual"):
        return []
    if given in ("dhcp", "auto"):
        return [f"{start} {given}", ""]
    card = ipaddress.ip_interface(given or "")
    mask = card.netmask if card.version == 4 else card.network.prefixlen
    lines = [f"{start} static", f"        address {card.ip}", f"        netmask {mask}"]
    return [*lines, *([f"        gateway {gateway}"] if gateway else []), ""]
