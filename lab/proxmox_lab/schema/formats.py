"""Named formats of parameters: each a check that returns Proxmox's complaint, or None."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final

from proxmox_lab.schema.firewall_formats import FIREWALL
from proxmox_lab.schema.names import NAMES, Check
from proxmox_lab.schema.table import Rule

_LIST: Final = re.compile(r"[,;\s]+")
_HOTPLUG: Final = {"network", "disk", "cpu", "memory", "usb", "cloudinit"}
_CONTENT: Final = {
    "images", "rootdir", "vztmpl", "iso", "backup", "snippets", "none", "import",
}  # fmt: skip
_EMAIL: Final = re.compile(r"^[\w+~-]+(\.[\w+~-]+)*@[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)*$")
_STARTUP: Final = re.compile(r"^(order=)?\d+$|^(up|down)=\d+$")
_CPU_TYPES: Final = re.compile(
    r"^(host|max|kvm(32|64)|qemu(32|64)|486|athlon|coreduo|core2duo|pentium\d?|phenom"
    r"|x86-64-v[234](-AES)?|(Westmere|SandyBridge|IvyBridge|Haswell|Broadwell|Skylake|Cascadelake"
    r"|Cooperlake|Icelake|Sapphire|Granite|Conroe|Penryn|Nehalem|Knights|EPYC|Opteron|Snow|Sierra"
    r"|Clearwater)[\w-]*|custom-.+)$"
)


def complaint(name: str, value: str, formats: Mapping[str, Rule]) -> str | None:
    """Return what Proxmox would say about ``value`` in this format, or None."""
    coded = CODED.get(name)
    if coded is not None:
        return coded(value)
    rule = formats.get(name)
    if rule is None or rule["kind"] == "property-string":
        return None
    if rule["kind"] == "opt":
        return complaint(str(rule["of"]), value, formats) if value else None
    if rule["kind"] == "list":
        return _list_complaint(str(rule["of"]), value, formats)
    if "regex" not in rule or re.search(_perl(str(rule["regex"])), value):
        return None
    return str(rule["message"]).replace("<v>", value)


def _list_complaint(of: str, value: str, formats: Mapping[str, Rule]) -> str | None:
    for item in filter(None, _LIST.split(value)):
        found = complaint(of, item, formats)
        if found:
            return found
    return None


def _perl(pattern: str) -> str:
    """Perl writes ``(?^:`` where Python has ``(?:``."""
    return re.sub(r"\(\?\^u?:", "(?:", pattern)


def full_match(pattern: str, value: str) -> bool:
    """Match a schema's pattern, which Proxmox anchors on both ends."""
    return re.fullmatch(_perl(pattern), value) is not None


def _ipv4_cidr(value: str) -> bool:
    address, _, mask = value.partition("/")
    return _is_ip(address, 4) and mask.isdigit() and 8 <= int(mask) <= 32


def _ipv6_cidr(value: str) -> bool:
    address, _, mask = value.partition("/")
    return _is_ip(address, 6) and mask.isdigit() and 8 <= int(mask) <= 128


def _is_ip(value: str, version: int | None = None) -> bool:
    try:
        return version in (None, ipaddress.ip_address(value).version)
    except ValueError:
        return False


def _either(accepts: Callable[[str], bool], text: str) -> Check:
    return lambda value: None if accepts(value) else text


def _volume(words: tuple[str, ...]) -> Check:
    pattern = re.compile(r"^([a-z][a-z0-9\-_.]*[a-z0-9]):(.+)$", re.IGNORECASE)

    def check(value: str) -> str | None:
        if value in words or value.startswith("/") or pattern.match(value):
            return None
        return f"unable to parse volume ID '{value}'\n"

    return check


def _content(value: str) -> str | None:
    return None if value in _CONTENT else f"invalid content type '{value}'\n"


def _hotplug(value: str) -> str | None:
    if value in ("0", "1"):
        return None
    wrong = next((item for item in _LIST.split(value) if item not in _HOTPLUG), None)
    return None if wrong is None else f"invalid hotplug feature '{wrong}'\n"


def _cpu(value: str) -> str | None:
    kind = value.partition(",")[0].removeprefix("cputype=")
    if _CPU_TYPES.match(kind):
        return None
    return f"Built-in cputype '{kind}' is not defined (missing 'custom-' prefix?)\n"


def _startup(value: str) -> str | None:
    fits = all(_STARTUP.match(part) for part in value.split(","))
    return None if fits else "unable to parse startup options\n"


CODED: Final[Mapping[str, Check]] = {
    "ipv4": _either(lambda v: _is_ip(v, 4), "value does not look like a valid IPv4 address\n"),
    "ipv6": _either(lambda v: _is_ip(v, 6), "value does not look like a valid IPv6 address\n"),
    "ip": _either(_is_ip, "value does not look like a valid IP address\n"),
    "CIDRv4": _either(_ipv4_cidr, "value does not look like a valid IPv4 CIDR network\n"),
    "CIDRv6": _either(_ipv6_cidr, "value does not look like a valid IPv6 CIDR network\n"),
    "pve-ipv4-config": _either(
        lambda v: v in ("dhcp", "manual") or _ipv4_cidr(v),
        "value does not look like a valid ipv4 network configuration\n",
    ),
    "pve-ipv6-config": _either(
        lambda v: v in ("auto", "dhcp", "manual") or _ipv6_cidr(v),
        "value does not look like a valid ipv6 network configuration\n",
    ),
    "email": _either(
        lambda v: _EMAIL.match(v) is not None, "value does not look like a valid email address\n"
    ),
    "address-list": lambda _: None,  # words and commas were accepted by the real one
    "pve-storage-content": _content,
    "pve-hotplug-features": _hotplug,
    "pve-vm-cpu-conf": _cpu,
    "pve-startup-order": _startup,
    "pve-volume-id-or-qm-path": _volume(("none", "cdrom")),
    "pve-volume-id-or-absolute-path": _volume(()),
    "CIDR": _either(
        lambda v: _ipv4_cidr(v) or _ipv6_cidr(v), "value does not look like a valid CIDR network\n"
    ),
    **NAMES,
    **FIREWALL,
}
