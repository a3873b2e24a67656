"""``/nodes/{node}/qemu``: machines made, changed and removed."""

from collections.abc import Mapping
from typing import Final

from proxmox_lab.access.permission import need
from proxmox_lab.actions import change, removal
from proxmox_lab.actions.change import Change
from proxmox_lab.actions.clone import clone, is_none, taken
from proxmox_lab.actions.creation import create, exists, refuse_keys
from proxmox_lab.actions.drive_copy import Order
from proxmox_lab.actions.power import known, refuse_locked
from proxmox_lab.call import Call, Handler
from proxmox_lab.machines import config
from proxmox_lab.refusal import Refusal, forbidden, invalid
from proxmox_lab.site.things import Machine
from proxmox_lab.tasks.task import Task


async def request_clone(call: Call) -> str:
    """Check what can be checked at once, then clone in the background."""
    pool = _pool(call)
    target = _other_node(call)
    _refuse_storage(call, call.text("storage"), target=target)
    source = known(call.lab, call.vmid)
    refuse_locked(source)
    full = call.switch("full", default=not source.is_template)
    _refuse_linked(call, source, full=full)
    _refuse_rights(call, source)
    if target and not all(_is_shared(call, volume) for volume in source.volumes):
        raise Refusal(f"can't clone VM to node '{target}' (VM uses local storage)")
    newid = call.number("newid", 0)
    if newid in call.lab.site.machines:
        raise taken(newid)
    order = Order(
        source=call.vmid,
        newid=newid,
        full=full,
        name=call.text("name") or None,
        description=call.text("description") or None,
        target=target,
        storage=call.text("storage") or None,
        format=call.text("format") or None,
        pool=pool,
        bwlimit=call.number("bwlimit", 0),
    )
    return call.start("qmclone", lambda task: clone(call.lab, order, task))


def _pool(call: Call) -> str | None:
    pool = call.text("pool") or None
    if pool and pool not in call.lab.site.rules.pools:
        raise forbidden(f"pool '{pool}' does not exist")
    return pool


def _other_node(call: Call) -> str | None:
    target, site = call.text("target"), call.lab.site
    if target in ("", "localhost", site.node):
        return None
    if target not in site.nodes:
        raise Refusal(f"no such cluster node '{target}'")
    return target


def _is_shared(call: Call, volid: str) -> bool:
    return call.lab.site.storage(volid.partition(":")[0]).shared


def _refuse_storage(call: Call, name: str, *, target: str | None = None) -> None:
    if not name:
        return
    storage = call.lab.site.usable(name)
    if target and not call.lab.site.on(target).usable(name).shared:
        raise Refusal(f"can't clone to non-shared storage '{name}'")
    if "images" not in storage.content:
        raise invalid({"storage": f"storage '{name}' does not support vm images"})


def _refuse_linked(call: Call, source: Machine, *, full: bool) -> None:
    snapshot = call.text("snapname")
    if snapshot and snapshot not in source.snapshots:
        raise Refusal(f"snapshot '{snapshot}' does not exist")
    if full:
        return
    for key in ("storage", "format"):
        if call.text(key):
            raise Refusal(f"parameter '{key}' not allowed for linked clones")
    for key, volume in config.drives(source.config):
        if not source.is_template and not config.is_seed(volume) and volume in source.volumes:
            raise Refusal(f"Linked clone feature is not supported for '{volume}' ({key})")


def _refuse_rights(call: Call, source: Machine) -> None:
    rights = call.lab.rights
    for key, drive in source.config.items():
        if config.DRIVE.match(key) and not is_none(drive):
            storage = call.text("storage") or config.volume_of(drive).partition(":")[0]
            need(rights, call.caller, f"/storage/{storage}", "Datastore.AllocateSpace")
        bridge = drive.partition("bridge=")[2].partition(",")[0]
        if config.NET.match(key) and bridge:
            need(rights, call.caller, f"/sdn/zones/localnetwork/{bridge}", "SDN.Use")


async def put_config(call: Call) -> None:
    """Change the configuration now."""
    wish = change.read(call)
    change.refuse_early(call, wish)
    await change.apply(call, wish)


async def post_config(call: Call) -> str:
    """Change the configuration in the background."""
    wish = change.read(call)
    change.refuse_early(call, wish)
    if not call.lab.release.is_modern:
        async with call.lab.locks.config(call.vmid):
            pass  # releases before 9 wait here already

    async def work(task: Task) -> None:
        task.say(f"update VM {call.vmid}: {_shown(wish)}")
        await change.apply(call, wish, task)

    return call.start("qmconfig", work)


def _shown(wish: Change) -> str:
    shown = [f"-{k} {'<hidden>' if k == 'cipassword' else v}" for k, v in wish.values.items()]
    if wish.delete:
        shown.append(f"-delete {','.join(wish.delete)}")
    return " ".join(shown)


async def resize(call: Call) -> str:
    """Grow a disk in the background; whatever is wrong shows in the task."""
    change.only_root_skips(call)
    disk, size, digest = call.text("disk"), call.text("size"), call.text("digest")

    async def work(task: Task) -> None:
        await removal.resize(call.lab, call.vmid, task, disk=disk, size=size, digest=digest)

    return call.start("resize", work)


async def delete(call: Call) -> str:
    """Remove the machine in the background."""
    change.only_root_skips(call)
    machine = call.lab.site.machine(call.vmid)
    if not machine.lock:
        removal.refuse_removal(call.lab, machine)
    purge = call.switch("purge")

    async def work(task: Task) -> None:
        await removal.destroy(call.lab, call.vmid, task, purge=purge)

    return call.start("qmdestroy", work)


async def make_template(call: Call) -> str:
    """Turn a machine into a template in the background."""
    machine = call.lab.site.machine(call.vmid)
    if machine.is_template:
        raise Refusal("you can't convert a template to a template")
    if machine.snapshots:
        raise Refusal("unable to create template, because VM contains snapshots")
    if call.lab.guesthouse.is_running(call.vmid):
        raise Refusal("you can't convert a VM to template if VM is running")
    return call.start("qmtemplate", lambda task: removal.make_template(call.lab, call.vmid, task))


async def request_creation(call: Call) -> str:
    """Make a machine from nothing in the background."""
    pool = _pool(call)
    place = f"/pool/{pool}" if pool else f"/vms/{call.vmid}"
    if not call.lab.rights.has(call.caller, place, "VM.Allocate"):
        raise forbidden()
    if call.text("archive"):
        raise Refusal(f"volume '{call.text('archive')}' does not exist")
    for key in call.parameters:
        if config.DRIVE.match(key):
            storage = config.volume_of(call.text(key)).partition(":")[0]
            if storage not in ("none", "cdrom"):
                _refuse_storage(call, storage)
    refuse_keys(call, pool)
    if call.vmid in call.lab.site.cluster:
        raise exists(call.lab.site, call.vmid)
    return call.start("qmcreate", lambda task: create(call, task))


ROUTES: Final[Mapping[str, Handler]] = {
    "POST /nodes/{node}/qemu": request_creation,
    "POST /nodes/{node}/qemu/{vmid}/clone": request_clone,
    "PUT /nodes/{node}/qemu/{vmid}/config": put_config,
    "POST /nodes/{node}/qemu/{vmid}/config": post_config,
    "PUT /nodes/{node}/qemu/{vmid}/resize": resize,
    "POST /nodes/{node}/qemu/{vmid}/template": make_template,
    "DELETE /nodes/{node}/qemu/{vmid}": delete,
}
