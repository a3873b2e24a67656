"""A machine's configuration as it is read: types, digest, drives and what is pending."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from proxmox_lab.schema.properties import is_on, loosely
from proxmox_lab.schema.table import Rules, rule_for
from proxmox_lab.site.things import Machine, Volume

DRIVE: Final = re.compile(r"^(ide|sata|scsi|virtio)\d+$|^(efidisk|tpmstate)0$")
NET: Final = re.compile(r"^net\d+$")
MASK: Final = "**********"
REMEMBERED: Final = 16_384  # drives that need not be read again when machines are listed


def digest(machine: Machine) -> str:
    """Name this state of the configuration; any change gives another name."""
    lines = [f"{key}: {value}" for key, value in sorted(machine.config.items())]
    lines += [f"~{key}: {value}" for key, value in sorted(machine.pending.items())]
    return hashlib.sha1("\n".join(lines).encode(), usedforsecurity=False).hexdigest()


def shown(config: Mapping[str, str], rules: Rules) -> dict[str, Any]:
    """Render values as Proxmox does: integers and booleans as numbers, the rest as text."""
    return {key: typed(key, value, rules) for key, value in config.items()}


def typed(key: str, value: str, rules: Rules) -> int | str:
    """Render one value; a password is not shown."""
    return MASK if key == "cipassword" else plainly(key, value, rules)


def plainly(key: str, value: str, rules: Rules) -> int | str:
    """Render one value, whatever it is."""
    kind = (rule_for(rules, key) or {}).get("type")
    return int(value) if kind in ("integer", "boolean") and value.lstrip("-").isdigit() else value


def wanted(machine: Machine) -> dict[str, str]:
    """The configuration with what is pending merged in."""
    merged = machine.config | machine.pending
    return {key: value for key, value in merged.items() if key not in machine.doomed}


def drives(config: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Walk over the drives: key and volume id (or ``none``, ``cdrom``)."""
    for key, value in config.items():
        if DRIVE.match(key):
            yield key, volume_of(value)


@lru_cache(maxsize=REMEMBERED)
def volume_of(drive: str) -> str:
    """Return the volume id a drive's text names."""
    found = loosely(drive)
    return found.get("file", found.get("", drive.partition(",")[0]))


@lru_cache(maxsize=REMEMBERED)
def is_cdrom(drive: str) -> bool:
    """Tell CD drives, cloud-init drives among them, from disks."""
    return loosely(drive).get("media") == "cdrom" or volume_of(drive) == "cdrom"


def is_seed(volume: str) -> bool:
    """Tell a cloud-init drive by its volume's name."""
    return "-cloudinit" in volume or volume.endswith(":cloudinit")


def boot_disk(machine: Machine) -> tuple[str, Volume] | None:
    """Return the first disk the machine boots from, if its order names one."""
    for key in _boot_order(machine.config.get("boot", "")):
        drive = machine.config.get(key, "")
        volume = machine.volumes.get(volume_of(drive)) if drive else None
        if volume and not is_cdrom(drive):
            return key, volume
    return None


@lru_cache
def _boot_order(boot: str) -> tuple[str, ...]:
    return tuple(loosely(boot).get("order", "").split(";"))


def memory_of(config: Mapping[str, str]) -> int:
    """Return the memory in MiB."""
    return _mebibytes(config.get("memory", "512"))


@lru_cache
def _mebibytes(memory: str) -> int:
    found = loosely(memory)
    return int(found.get("current", found.get("", "512")))


def cpus_of(config: Mapping[str, str]) -> int:
    """Return the number of virtual processors."""
    return int(config.get("cores", "1")) * int(config.get("sockets", "1"))


def has_agent(machine: Machine) -> bool:
    """Tell whether the agent is switched on."""
    return is_on(machine.config.get("agent"))
