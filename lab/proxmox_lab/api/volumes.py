"""``…/storage/{storage}/content``: volumes made and removed."""

from collections.abc import Mapping
from typing import Final

from proxmox_lab.access.permission import need
from proxmox_lab.api.volume_view import storage_name, stored_file, volid_of
from proxmox_lab.call import Call, Handler
from proxmox_lab.machines.sizes import in_bytes
from proxmox_lab.refusal import Refusal
from proxmox_lab.site.things import StoredFile, Volume
from proxmox_lab.tasks.task import Task


async def allocate(call: Call) -> str:
    """Make an empty volume for a machine, whether that exists or not."""
    name, vmid = call.text("storage"), call.vmid
    storage = call.lab.site.usable(name)
    if "images" not in storage.content:
        raise Refusal(f"storage '{name}' does not support content-type 'images'")
    volid = f"{name}:{vmid}/{call.text('filename')}"
    if not call.text("filename").startswith(f"vm-{vmid}-"):
        raise Refusal(f"illegal name '{call.text('filename')}' - should be 'vm-{vmid}-*'")
    size, now = call.text("size"), int(call.lab.clock.now())
    length = in_bytes(size) if size[-1:].isalpha() else int(size) << 10
    kind = call.text("format", "raw")
    machine = call.lab.site.machines.get(vmid)
    if machine is None:
        left = StoredFile(volid=volid, node=call.lab.site.node, content="images", size=length,
                          format=kind, ctime=now, vmid=vmid)  # fmt: skip
        storage.files.append(left)
        call.lab.store.save_rules(call.lab.site)
        return volid
    machine.volumes[volid] = Volume(vmid=vmid, size=length, format=kind, ctime=now)
    call.lab.store.save_machine(machine)
    return volid


async def delete_volume(call: Call) -> str:
    """Remove a volume in the background, whether it is used or not."""
    name, volid = storage_name(call), volid_of(call)
    place = call.lab.site.usable(name)
    file = volid.partition(":")[2]
    vmid = file.partition("/")[0]
    _refuse_removal(call, name)

    async def work(task: Task) -> None:
        _refuse_kept(call, volid)
        if not _removed(call, volid):
            task.say(f"disk image '{place.path}/images/{file}' does not exist")
        task.say(f"Removed volume '{volid}'")

    return call.start("imgdel", work, id=f"{vmid}@{name}" if vmid.isdigit() else name)


def _refuse_removal(call: Call, name: str) -> None:
    file = stored_file(call)
    if file is not None and file.content == "backup" and file.vmid:
        need(call.lab.rights, call.caller, f"/storage/{name}", "Datastore.AllocateSpace")
        need(call.lab.rights, call.caller, f"/vms/{file.vmid}", "VM.Backup")
    else:
        need(call.lab.rights, call.caller, f"/storage/{name}", "Datastore.Allocate")


def _refuse_kept(call: Call, volid: str) -> None:
    file = stored_file(call)
    if file is not None and file.protected:
        raise Refusal(f"cannot remove protected volume '{volid}'")
    if any(found.parent == volid for _, found in call.lab.site.volumes()):
        name = volid.partition(":")[2]
        raise Refusal(f"base volume '{name}' is still in use by linked cloned")


def _removed(call: Call, volid: str) -> bool:
    file = stored_file(call)
    if file is not None:
        call.lab.site.storage(volid.partition(":")[0]).files.remove(file)
        call.lab.store.save_rules(call.lab.site)
        return True
    found = dict(call.lab.site.volumes()).get(volid)
    if found is None:
        return False
    machine = call.lab.site.cluster[found.vmid]
    del machine.volumes[volid]
    call.lab.store.save_machine(machine)
    return True


_ALL: Final = "/nodes/{node}/storage/{storage}/content"
ROUTES: Final[Mapping[str, Handler]] = {
    f"POST {_ALL}": allocate,
    f"DELETE {_ALL}/{{volume}}": delete_volume,
}
