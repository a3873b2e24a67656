"""``/nodes/{node}/qemu``: machines as they are read."""

from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.actions import status
from proxmox_lab.call import Call, Handler, Lab
from proxmox_lab.machines import config
from proxmox_lab.refusal import Refusal
from proxmox_lab.site.things import Machine


async def machines(call: Call) -> list[dict[str, Any]]:
    """List the machines the caller may see."""
    machines = dict(call.lab.site.machines)
    describe = _fully if call.switch("full") else status.summary
    seen = call.lab.rights.machines(call.caller, machines, "VM.Audit")
    return [describe(call.lab, machines[vmid]) for vmid in seen]


def _fully(lab: Lab, machine: Machine) -> dict[str, Any]:
    shown = status.current(lab, machine)
    return {key: value for key, value in shown.items() if key not in _ONLY_OF_ONE}


async def index(_: Call) -> list[dict[str, str]]:
    """Name what lies below a machine; it need not exist."""
    return [{"subdir": name} for name in _SUBDIRS]


async def status_index(_: Call) -> list[dict[str, str]]:
    """Name the power verbs."""
    return [{"subdir": name} for name in _VERBS]


async def current(call: Call) -> dict[str, Any]:
    """Tell how a machine is."""
    return status.current(call.lab, call.lab.site.machine(call.vmid))


async def read_config(call: Call) -> dict[str, Any]:
    """Return the configuration, with what is pending unless ``current`` is asked for."""
    machine = call.lab.site.machine(call.vmid)
    named = call.text("snapshot")
    if named:
        found = machine.snapshots.get(named)
        if found is None:
            raise Refusal(f"snapshot '{named}' does not exist")
        values = found.config
    else:
        values = machine.config if call.switch("current") else config.wanted(machine)
    shown = config.shown(values, call.lab.table.machine_options())
    return shown | {"digest": config.digest(machine)}


async def pending(call: Call) -> list[dict[str, Any]]:
    """List every key with its value, and what it will be."""
    machine = call.lab.site.machine(call.vmid)
    rules = call.lab.table.machine_options()
    entries: list[dict[str, Any]] = [{"key": "digest", "value": config.digest(machine)}]
    for key in machine.config | machine.pending:
        entry: dict[str, Any] = {"key": key}
        if key in machine.config:
            entry["value"] = config.typed(key, machine.config[key], rules)
        if key in machine.pending:
            entry["pending"] = config.typed(key, machine.pending[key], rules)
        if key in machine.doomed:
            entry["delete"] = 1
        entries.append(entry)
    return entries


async def feature(call: Call) -> dict[str, Any]:
    """Tell whether a machine can be cloned, copied or snapshotted."""
    machine = call.lab.site.machine(call.vmid)
    wanted = call.text("feature")
    raw = any(volume.format == "raw" for volume in machine.volumes.values())
    able = {"clone": machine.is_template, "snapshot": not raw, "copy": True}[wanted]
    return {"hasFeature": int(able), "nodes": [call.lab.site.node]}


_SUBDIRS: Final = (
    "config", "cloudinit", "pending", "status", "unlink", "vncproxy", "termproxy", "migrate",
    "resize", "move", "rrd", "rrddata", "monitor", "agent", "snapshot", "spiceproxy",
    "sendkey", "firewall",
)  # fmt: skip
_ONLY_OF_ONE: Final = ("ha", "agent", "clipboard")  # not told when all machines are listed
_VERBS: Final = ("current", "start", "stop", "reset", "shutdown", "suspend", "reboot")

ROUTES: Final[Mapping[str, Handler]] = {
    "GET /nodes/{node}/qemu": machines,
    "GET /nodes/{node}/qemu/{vmid}": index,
    "GET /nodes/{node}/qemu/{vmid}/status": status_index,
    "GET /nodes/{node}/qemu/{vmid}/status/current": current,
    "GET /nodes/{node}/qemu/{vmid}/config": read_config,
    "GET /nodes/{node}/qemu/{vmid}/pending": pending,
    "GET /nodes/{node}/qemu/{vmid}/feature": feature,
}
