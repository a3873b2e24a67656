"""``/storage`` and ``/nodes/{node}/storage``: where volumes lie."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.call import Call, Handler
from proxmox_lab.machines.sizes import in_bytes
from proxmox_lab.refusal import invalid
from proxmox_lab.site.things import Storage, Volume
from proxmox_lab.tasks.task import Task

_READ: Final = ("Datastore.Audit", "Datastore.AllocateSpace")
_FORMATS: Final[tuple[dict[str, int], str]] = (
    {"raw": 1, "qcow2": 1, "vmdk": 1, "subvol": 1},
    "raw",
)


async def storages(call: Call) -> list[dict[str, Any]]:
    """List the node's storages with their room."""
    wanted, named = call.text("content"), call.text("storage")
    shown = [
        {"storage": name, **_room(call, storage), "used_fraction": 1 if storage.full else 0.125}
        for name, storage in _visible(call).items()
        if storage.is_on(call.lab.site.node)
        and (not wanted or wanted in storage.content)
        and named in ("", name)
    ]
    if not call.switch("format"):
        return shown
    extra: dict[str, Any] = {"format": _FORMATS}
    if call.lab.release.is_modern:
        extra["formats"] = {"supported": sorted(_FORMATS[0]), "default": "raw"}
    return [entry | extra for entry in shown]


def _visible(call: Call) -> dict[str, Storage]:
    rights = call.lab.rights
    everything = call.lab.site.rules.storages.items()
    return {n: s for n, s in everything if rights.has(call.caller, f"/storage/{n}", *_READ)}


def _room(call: Call, storage: Storage) -> dict[str, Any]:
    total = call.lab.site.host.disk
    used = total if storage.full else total // 8
    return {
        "type": storage.type, "content": ",".join(storage.content), "active": 1, "enabled": 1,
        "shared": int(storage.shared), "total": total, "used": used, "avail": total - used,
    }  # fmt: skip


async def storage_index(call: Call) -> list[dict[str, str]]:
    """Name what lies below a storage."""
    old = ("content", "download-url", "file-restore", "import-metadata", "prunebackups")
    new = ("identity", "oci-registry-pull") if call.lab.release.is_modern else ()
    names = (*old, *new, "rrd", "rrddata", "status", "upload")
    return [{"subdir": name} for name in names]


async def storage_status(call: Call) -> dict[str, Any]:
    """Tell a storage's room."""
    found = call.lab.site.rules.storages.get(call.text("storage"))
    if found is None:
        raise invalid({"storage": "No such storage."})
    return _room(call, found)


async def content(call: Call) -> list[dict[str, Any]]:
    """List volumes, of one machine or all the caller may see."""
    name = call.text("storage")
    call.lab.site.storage(name)
    if call.text("content", "images") != "images":
        return []
    wanted = call.text("vmid")
    return [
        _listed(call, volid, volume)
        for volid, volume in call.lab.site.volumes()
        if volid.startswith(f"{name}:") and wanted in ("", str(volume.vmid))
    ]


def _listed(call: Call, volid: str, volume: Volume) -> dict[str, Any]:
    parent = volume.parent
    if parent:
        storage, _, file = parent.partition(":")
        parent = f"../{file}" if call.lab.site.rules.storages.get(storage) else parent
    return {
        "volid": volid, "vmid": volume.vmid, "content": "images", "format": volume.format,
        "size": volume.size, "used": min(volume.size, 331776), "ctime": volume.ctime,
        "parent": parent,
    }  # fmt: skip


async def allocate(call: Call) -> str:
    """Make an empty volume for a machine."""
    storage, vmid = call.text("storage"), call.vmid
    call.lab.site.storage(storage)
    volid = f"{storage}:{vmid}/{call.text('filename')}"
    size = call.text("size")
    volume = Volume(
        vmid=vmid,
        size=in_bytes(size) if size[-1:].isalpha() else int(size) << 10,
        format=call.text("format", "raw"),
        ctime=int(call.lab.clock.now()),
    )
    machine = call.lab.site.machine(vmid)
    machine.volumes[volid] = volume
    call.lab.store.save_machine(machine)
    return volid


async def delete_volume(call: Call) -> str:
    """Remove a volume in the background, whether it is used or not."""
    storage = call.text("storage")
    place = call.lab.site.storage(storage)
    file = call.text("volume").removeprefix(f"{storage}:")
    volid = f"{storage}:{file}"
    vmid = int(file.partition("/")[0])

    async def work(task: Task) -> None:
        machine = call.lab.site.machines.get(vmid)
        if machine is None or machine.volumes.pop(volid, None) is None:
            task.say(f"disk image '{place.path}/images/{file}' does not exist")
        else:
            call.lab.store.save_machine(machine)
        task.say(f"Removed volume '{volid}'")

    return call.start("imgdel", work, id=f"{vmid}@{storage}")


async def definitions(call: Call) -> list[dict[str, Any]]:
    """List how storages are defined."""
    return [_definition(call, name) for name in _visible(call)]


async def definition(call: Call) -> dict[str, Any]:
    """Tell how one storage is defined."""
    return _definition(call, call.text("storage"))


def _definition(call: Call, name: str) -> dict[str, Any]:
    storage = call.lab.site.storage(name)
    digest = hashlib.sha1(storage.path.encode(), usedforsecurity=False).hexdigest()
    kinds = ",".join(storage.content)
    return {
        "storage": name, "type": "dir", "path": storage.path, "content": kinds, "digest": digest,
    }  # fmt: skip


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /storage": definitions,
    "GET /storage/{storage}": definition,
    "GET /nodes/{node}/storage": storages,
    "GET /nodes/{node}/storage/{storage}": storage_index,
    "GET /nodes/{node}/storage/{storage}/status": storage_status,
    "GET /nodes/{node}/storage/{storage}/content": content,
    "POST /nodes/{node}/storage/{storage}/content": allocate,
    "DELETE /nodes/{node}/storage/{storage}/content/{volume}": delete_volume,
}
