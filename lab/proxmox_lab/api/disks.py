"""``…/move_disk``, ``…/unlink`` and ``…/migrate``: where a machine's disks are."""

from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.access.permission import need
from proxmox_lab.actions import change
from proxmox_lab.actions.change import Change
from proxmox_lab.actions.move import Move, move_disk, refuse
from proxmox_lab.actions.power import refuse_locked
from proxmox_lab.call import Call, Handler
from proxmox_lab.machines import config
from proxmox_lab.refusal import Refusal, invalid
from proxmox_lab.site.things import Machine

_NEITHER: Final = "both 'storage' and 'target-vmid' missing, either needs to be set"


async def move(call: Call) -> str:
    """Move a disk to another storage in the background."""
    storage = call.text("storage")
    if not storage:
        raise invalid({"storage": _NEITHER, "target-vmid": _NEITHER})
    need(call.lab.rights, call.caller, f"/storage/{storage}", "Datastore.AllocateSpace")
    machine = call.lab.site.machine(call.vmid)
    if "images" not in call.lab.site.storage(storage).content:
        raise invalid({"storage": f"storage '{storage}' does not support vm images"})
    wish = Move(
        vmid=call.vmid,
        disk=call.text("disk"),
        storage=storage,
        format=call.text("format") or None,
        delete=call.switch("delete"),
        digest=call.text("digest") or None,
        bwlimit=call.number("bwlimit", 0),
    )
    refuse(machine, wish)
    return call.start("qmmove", lambda task: move_disk(call.lab, wish, task))


async def unlink(call: Call) -> None:
    """Take disks out of the configuration; with ``force`` they are deleted."""
    wish = Change(
        values={},
        delete=change.known_keys(call, "idlist"),
        revert=(),
        digest=None,
        skip_lock=False,
        force=call.switch("force"),
    )
    change.refuse_early(call, wish)
    await change.apply(call, wish)


async def may_migrate(call: Call) -> dict[str, Any]:
    """Tell what stands in the way of a migration."""
    machine = call.lab.site.machine(call.vmid)
    running = call.lab.guesthouse.is_running(call.vmid)
    shown: dict[str, Any] = {
        "running": int(running),
        "local_disks": [_disk(machine, key, volume) for key, volume in _local(machine)],
        "local_resources": [],
        "mapped-resources": [],
    }
    if not running:
        shown |= {"allowed_nodes": [], "not_allowed_nodes": {}}
    if call.lab.release.is_modern:
        shown |= {"mapped-resource-info": {}, "has-dbus-vmstate": 1}
    return shown


def _local(machine: Machine) -> list[tuple[str, str]]:
    return [(k, v) for k, v in config.drives(machine.config) if v in machine.volumes]


def _disk(machine: Machine, key: str, volid: str) -> dict[str, Any]:
    cdrom, seed = config.is_cdrom(machine.config[key]), config.is_seed(volid)
    shown = {
        "volid": volid, "drivename": key, "cdrom": int(cdrom), "shared": 0, "replicate": 1,
        "is_attached": 1, "is_cloudinit": int(seed), "is_tpmstate": 0, "is_unused": 0,
        "is_vmstate": 0,
    }  # fmt: skip
    return shown | ({} if cdrom else {"size": machine.volumes[volid].size})


async def migrate(call: Call) -> str:
    """Refuse a migration: there is no other node to go to."""
    target = call.text("target")
    if target == call.lab.site.node:
        raise invalid({"target": "target is local node."})
    refuse_locked(call.lab.site.machine(call.vmid))
    raise Refusal(f"no such cluster node '{target}'")


_ROOT: Final = "/nodes/{node}/qemu/{vmid}"
ROUTES: Final[Mapping[str, Handler]] = {
    f"POST {_ROOT}/move_disk": move,
    f"PUT {_ROOT}/unlink": unlink,
    f"GET {_ROOT}/migrate": may_migrate,
    f"POST {_ROOT}/migrate": migrate,
}
