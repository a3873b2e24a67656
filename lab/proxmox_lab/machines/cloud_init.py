"""What a guest learns from its machine's configuration: cloud-init fields and ports."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from proxmox_lab.guests.port import GuestConfig
from proxmox_lab.machines import config
from proxmox_lab.schema.properties import loosely
from proxmox_lab.site.things import Machine

_PORTS: Final = re.compile(r"^ports:\s*(.+)$", re.MULTILINE)
_PORT: Final = re.compile(r"\b(udp|tcp)/(\d{1,5})\b")
_MAC: Final = re.compile(r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")
DEFAULT_USER: Final = "debian"
FIRST_DISK: Final = 2 << 30


def guest_config(machine: Machine, directory: Path) -> GuestConfig:
    """Describe the machine to whoever makes its guest."""
    now = machine.config
    address = loosely(now.get("ipconfig0", ""))
    disk = config.boot_disk(machine)
    mac = _MAC.search(now.get("net0", ""))
    given = address.get("ip", "dhcp")
    return GuestConfig(
        vmid=machine.vmid,
        name=machine.name,
        directory=directory,
        template=machine.template,
        cores=config.cpus_of(now),
        memory_mib=config.memory_of(now),
        disk_bytes=disk[1].size if disk else FIRST_DISK,
        mac=mac[0] if mac else "BC:24:11:00:00:01",
        user=now.get("ciuser", DEFAULT_USER),
        ssh_keys=keys_of(now),
        address=None if given in ("dhcp", "manual") else given,
        gateway=address.get("gw"),
        nameservers=tuple(now.get("nameserver", "").replace(",", " ").split()),
        ports=ports_of(now.get("description", "")),
    )


def keys_of(now: Mapping[str, str]) -> tuple[str, ...]:
    """Return the SSH keys; they are stored percent-encoded."""
    lines = unquote(now.get("sshkeys", "")).splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def ports_of(description: str) -> tuple[tuple[str, int], ...]:
    """Read the ports outsiders must reach from the description's ``ports:`` line."""
    line = _PORTS.search(description)
    found = _PORT.findall(line[1]) if line else []
    return tuple((protocol, int(port)) for protocol, port in found)
