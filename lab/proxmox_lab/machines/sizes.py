"""Sizes as Proxmox writes them: ``2G``, ``4M``, ``1.5G``."""

import re
from typing import Final

_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE: Final = re.compile(r"^(\d+(?:\.\d+)?)([KMGT]?)$")


def in_bytes(text: str) -> int:
    """Read a size; an unreadable one counts as nothing."""
    found = _SIZE.match(text)
    return int(float(found[1]) * _UNITS[found[2]]) if found else 0


def shown(size: int) -> str:
    """Write a size with the largest unit that divides it."""
    for unit in ("T", "G", "M", "K"):
        if size and size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit}"
    return str(size)


def spoken(size: float) -> str:
    """Write a size as progress lines do: ``1.0 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
