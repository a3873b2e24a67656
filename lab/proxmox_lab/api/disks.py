"""``…/move_disk``, ``…/unlink`` and ``…/migrate``: where a machine's disks are."""

from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.access.permission import need
from proxmox_lab.actions import change, migration
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
    local = migration.local_drives(call.lab, machine)
    shown: dict[str, Any] = {
        "running": int(running),
        "local_disks": [_disk(machine, key, volume) for key, volume in local],
        "local_resources": [],
        "mapped-resources": [],
    }
    if not running:
        allowed = migration.reachable(call.lab, machine)
        shown |= {"allowed_nodes": allowed, "not_allowed_nodes": {}}
    if call.lab.release.is_modern:
        shown |= {"mapped-resource-info": {}, "has-dbus-vmstate": 1}
    return shown


def _disk(machine: Machine, key: str, volid: str) -> dict[str, Any]:
    cdrom, seed = config.is_cdrom(machine.config[key]), config.is_seed(volid)
    shown = {
        "volid": volid, "drivename": key, "cdrom": int(cdrom), "shared": 0, "replicate": 1,
        "is_attached": 1, "is_cloudinit": int(seed), "is_tpmstate": 0, "is_unused": 0,
        "is_vmstate": 0,
    }  # fmt: skip
    return shown | ({} if cdrom else {"size": machine.volumes[volid].size})


_ROOTS_OWN: Final = ("force", "migration_type", "migration_network")


async def migrate(call: Call) -> str:
    """Move a machine to another node in the background."""
    target, lab = call.text("target"), call.lab
    if target == lab.site.node:
        raise invalid({"target": "target is local node."})
    if target not in lab.site.nodes:
        raise Refusal(f"no such cluster node '{target}'")
    errors = {name: change.ONLY_ROOT for name in _ROOTS_OWN if call.text(name) not in ("", "0")}
    if errors and not call.caller.is_root:
        raise invalid(errors)
    refuse_locked(lab.site.machine(call.vmid))
    if lab.guesthouse.is_running(call.vmid) and not call.switch("online"):
        raise Refusal("can't migrate running VM without --online")
    return call.start("qmigrate", lambda task: migration.migrate(lab, call.vmid, target, task))


_ROOT: Final = "/nodes/{node}/qemu/{vmid}"
ROUTES: Final[Mapping[str, Handler]] = {
    f"POST {_ROOT}/move_disk": move,
    f"PUT {_ROOT}/unlink": unlink,
    f"GET {_ROOT}/migrate": may_migrate,
    f"POST {_ROOT}/migrate": migrate,
}
