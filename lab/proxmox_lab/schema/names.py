"""Formats of names: of people, machines' places and storages, each a check with its complaint."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final

Check = Callable[[str], str | None]

_SHORTEST: Final = 3  # characters of a user's name with its realm
_LONGEST: Final = 64
_USER_ID: Final = re.compile(r"^[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+$")
_REALM: Final = re.compile(r"[A-Za-z][A-Za-z0-9.\-_]+")
_DNS_PART: Final = r"[a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?"
_DNS_NAME: Final = re.compile(rf"({_DNS_PART}\.)*{_DNS_PART}")
_PATH: Final = re.compile(r"^/[^;()]+")
_LVM_NAME: Final = re.compile(r"[a-z0-9][a-z0-9\-_.]*[a-z0-9]", re.IGNORECASE)
_BOOT_DISK: Final = re.compile(
    r"ide[0-3]|sata[0-5]|scsi([12]?\d|30)|virtio(\d|1[0-5])|efidisk0|tpmstate0"
)
_CPU_SET: Final = re.compile(r"\s*(\d+)(?:-(\d+))?\s*")
_BITS: Final = range(8, 65)


def user_name(value: str) -> str | None:
    """Somebody with their realm; the length is judged first."""
    if len(value) < _SHORTEST:
        return f"user name '{value}' is too short\n"
    if len(value) > _LONGEST:
        return f"user name '{value}' is too long ({len(value)} > {_LONGEST})\n"
    return (
        None if _USER_ID.match(value) else f"value '{value}' does not look like a valid user name\n"
    )


def _like(pattern: re.Pattern[str], text: str) -> Check:
    return lambda value: None if pattern.fullmatch(value) else text.replace("<v>", value)


def _path(value: str) -> str | None:
    return None if _PATH.match(value) else "value does not look like a valid absolute path\n"


def _server(value: str) -> str | None:
    if _DNS_NAME.fullmatch(value):
        return None
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return "value does not look like a valid server name or IP address\n"
    return None


def _cpu_set(value: str) -> str | None:
    ends = [_CPU_SET.fullmatch(part) for part in value.split(",")]
    fits = all(found and int(found[1]) <= int(found[2] or found[1]) for found in ends)
    return None if fits else "unable to parse cpuset option\n"


def _physical_bits(value: str) -> str | None:
    fits = value == "host" or (value.isdecimal() and len(value) < 3 and int(value) in _BITS)
    return None if fits else "value must be an integer between 8 and 64 or 'host'\n"


NAMES: Final[Mapping[str, Check]] = {
    "pve-userid": user_name,
    "pve-realm": _like(_REALM, "value does not look like a valid realm\n"),
    "pve-cpuset": _cpu_set,
    "pve-phys-bits": _physical_bits,
    "pve-qm-bootdisk": _like(_BOOT_DISK, "invalid boot disk '<v>'\n"),
    "pve-storage-path": _path,
    "pve-storage-server": _server,
    "pve-storage-vgname": _like(_LVM_NAME, "lvm name '<v>' contains illegal characters\n"),
}
