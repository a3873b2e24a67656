"""A running model as JSON: what tests and the lab's panel read back."""

from typing import Any

from proxmox_lab.guests.simulated.model.saved import disk_as_json, shown
from proxmox_lab.guests.simulated.system.machine import Machine


def inspected(machine: Machine, *, powered: bool) -> dict[str, Any]:
    """Disk, units and open ports, without secrets."""
    units = {
        name: {"activity": str(state.activity), "journal": list(state.journal)}
        for name, state in machine.units.states.items()
    }
    ports = {kind: machine.listening(kind) if powered else [] for kind in ("udp", "tcp")}
    return {
        **shown(disk_as_json(machine.disk, powered=powered)),
        "units": units,
        "listening": ports,
        "last_words": machine.last_words,
    }
