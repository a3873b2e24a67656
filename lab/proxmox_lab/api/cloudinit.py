"""``…/cloudinit``: what the cloud-init drive holds, and what it will hold."""

from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.actions.power import refuse_locked
from proxmox_lab.call import Call, Handler
from proxmox_lab.machines import config, seed_files

KEYS: Final = (
    "cicustom", "cipassword", "citype", "ciuser", "ciupgrade", "nameserver", "searchdomain",
    "sshkeys",
)  # fmt: skip


async def settings(call: Call) -> list[dict[str, Any]]:
    """List the settings; for a running machine also what differs from its drive."""
    machine = call.lab.site.machine(call.vmid)
    now = machine.config
    drive = now if machine.seeded is None else machine.seeded
    entries: list[dict[str, Any]] = []
    for key in KEYS:
        old, new = (_shown(key, values.get(key)) for values in (drive, now))
        if new in (None, "0"):
            entries += [{"key": key, "delete": 1}] if old not in (None, "0") else []
        elif old is None:
            entries.append({"key": key, "pending": new})
        else:
            changed = drive.get(key) != now.get(key)
            entries.append({"key": key, "value": old} | ({"pending": new} if changed else {}))
    return entries


def _shown(key: str, value: str | None) -> str | None:
    return config.MASK if value is not None and key == "cipassword" else value


async def regenerate(call: Call) -> None:
    """Write the drive anew."""
    async with call.lab.locks.config(call.vmid):
        machine = call.lab.site.machine(call.vmid)
        refuse_locked(machine)
        if machine.seeded is not None:
            machine.seeded = dict(machine.config)
        call.lab.store.save_machine(machine)


async def dump(call: Call) -> str:
    """Return one of the drive's files."""
    vmid, now = call.vmid, call.lab.site.machine(call.vmid).config
    files = {
        "user": lambda: seed_files.user_data(vmid, now),
        "network": lambda: seed_files.network_data(now),
        "meta": lambda: seed_files.meta_data(vmid, now),
    }
    return files[call.text("type")]()


_ROOT: Final = "/nodes/{node}/qemu/{vmid}/cloudinit"
ROUTES: Final[Mapping[str, Handler]] = {
    f"GET {_ROOT}": settings,
    f"PUT {_ROOT}": regenerate,
    f"GET {_ROOT}/dump": dump,
}
