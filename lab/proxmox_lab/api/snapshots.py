"""``…/snapshot``: a machine's snapshots."""

from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.actions import snapshots
from proxmox_lab.call import Call, Handler
from proxmox_lab.machines import config
from proxmox_lab.refusal import Refusal
from proxmox_lab.tasks.task import Task

RESERVED: Final = ("current", "pending")


async def listing(call: Call) -> list[dict[str, Any]]:
    """List the snapshots, and the present as one that stands on the last of them."""
    machine = call.lab.site.machine(call.vmid)
    shown: list[dict[str, Any]] = []
    for name, found in machine.snapshots.items():
        entry: dict[str, Any] = {
            "name": name,
            "description": found.description,
            "snaptime": found.snaptime,
            "vmstate": int(found.vmstate is not None),
        }
        named = {"parent": found.parent, "snapstate": found.state}
        shown.append(entry | {key: value for key, value in named.items() if value})
    parent = machine.config.get("parent")
    now = {
        "name": "current",
        "description": "You are here!",
        "digest": config.digest(machine),
        "running": int(call.lab.guesthouse.is_running(call.vmid)),
    }
    return [*shown, now | ({"parent": parent} if parent else {})]


async def take(call: Call) -> str:
    """Take a snapshot in the background."""
    name = call.text("snapname")
    for reserved in RESERVED:
        if name.lower() == reserved:
            raise Refusal(f"unable to use snapshot name '{reserved}' (reserved name)")
    call.lab.site.machine(call.vmid)
    description, vmstate = call.text("description"), call.switch("vmstate")

    async def work(task: Task) -> None:
        await snapshots.take(
            call.lab, call.vmid, task, name=name, description=description, vmstate=vmstate
        )

    return call.start("qmsnapshot", work)


async def index(_: Call) -> list[dict[str, str]]:
    """Name what there is to a snapshot."""
    return [{"cmd": "rollback"}, {"cmd": "config"}]


async def read_config(call: Call) -> dict[str, Any]:
    """Return the configuration as it was, passwords' hashes and all."""
    found = snapshots.find(call.lab.site.machine(call.vmid), call.text("snapname"))
    rules = call.lab.table.machine_options()
    values = {key: config.plainly(key, value, rules) for key, value in found.config.items()}
    named = {
        "snaptime": found.snaptime, "description": found.description, "parent": found.parent,
        "snapstate": found.state, "vmstate": found.vmstate,
    }  # fmt: skip
    return values | {key: value for key, value in named.items() if value}


async def change(call: Call) -> None:
    """Describe a snapshot anew."""
    async with call.lab.locks.config(call.vmid):
        machine = call.lab.site.machine(call.vmid)
        found = snapshots.find(machine, call.text("snapname"))
        if "description" in call.parameters:
            found.description = call.text("description")
        call.lab.store.save_machine(machine)


async def roll_back(call: Call) -> str:
    """Bring a snapshot back in the background."""
    name, start = call.text("snapname"), call.switch("start")

    async def work(task: Task) -> None:
        await snapshots.roll_back(call.lab, call.vmid, task, name=name, start=start)

    return call.start("qmrollback", work)


async def remove(call: Call) -> str:
    """Forget a snapshot in the background."""
    name = call.text("snapname")

    async def work(task: Task) -> None:
        await snapshots.remove(call.lab, call.vmid, task, name=name)

    return call.start("qmdelsnapshot", work)


_ROOT: Final = "/nodes/{node}/qemu/{vmid}/snapshot"
ROUTES: Final[Mapping[str, Handler]] = {
    f"GET {_ROOT}": listing,
    f"POST {_ROOT}": take,
    f"GET {_ROOT}/{{snapname}}": index,
    f"DELETE {_ROOT}/{{snapname}}": remove,
    f"GET {_ROOT}/{{snapname}}/config": read_config,
    f"PUT {_ROOT}/{{snapname}}/config": change,
    f"POST {_ROOT}/{{snapname}}/rollback": roll_back,
}
