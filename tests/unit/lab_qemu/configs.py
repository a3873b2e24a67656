"""Guest configurations for the tests of real guests."""

from pathlib import Path
from typing import Any

from proxmox_lab.guests.port import GuestConfig


def config(**changes: Any) -> GuestConfig:
    given: dict[str, Any] = {
        "vmid": 900_001,
        "name": "arena",
        "directory": Path("/lab/vms/900001"),
        "template": "debian-13-cloud",
        "cores": 2,
        "memory_mib": 1024,
        "disk_bytes": 4 << 30,
        "mac": "BC:24:11:00:00:01",
        "user": "yard",
        "ssh_keys": ("ssh-ed25519 AAAA you@example",),
        "address": "10.77.0.5/16",
        "gateway": "10.77.0.1",
        "ports": (("udp", 30_000),),
    }
    return GuestConfig(**(given | changes))
