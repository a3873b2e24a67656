"""What lies on a storage, as it is listed, and who may see it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from proxmox_lab.call import Call
from proxmox_lab.refusal import Refusal
from proxmox_lab.site.things import Storage, StoredFile, Volume

_USED: Final = 331776
_NAME: Final = re.compile(r"\d+/\S+|(iso|vztmpl|rootdir|backup|snippets|import)/[^/]+")
_READABLE: Final = ("iso", "vztmpl", "import")


def entries(call: Call, name: str) -> Iterator[dict[str, Any]]:
    """Walk over everything that this node finds on a storage."""
    storage = call.lab.site.usable(name)
    yield from _drives(call, name)
    yield from _files(storage, call.lab.site.node)


def _drives(call: Call, name: str) -> Iterator[dict[str, Any]]:
    for volid, volume in call.lab.site.volumes():
        if volid.startswith(f"{name}:"):
            yield _drive(call, volid, volume)


def _drive(call: Call, volid: str, volume: Volume) -> dict[str, Any]:
    parent = volume.parent
    if parent:
        storage, _, file = parent.partition(":")
        parent = f"../{file}" if call.lab.site.storages.get(storage) else parent
    return {
        "volid": volid, "vmid": volume.vmid, "content": "images", "format": volume.format,
        "size": volume.size, "used": min(volume.size, _USED), "ctime": volume.ctime,
        "parent": parent,
    }  # fmt: skip


def _files(storage: Storage, node: str) -> Iterator[dict[str, Any]]:
    for file in storage.files_on(node):
        shown: dict[str, Any] = {
            "volid": file.volid, "content": file.content, "format": file.format,
            "size": file.size, "ctime": file.ctime,
        }  # fmt: skip
        shown |= {"vmid": file.vmid} if file.vmid else {}
        shown |= {"notes": file.notes} if file.notes else {}
        shown |= {"protected": 1} if file.protected else {}
        if file.content == "images":
            shown |= {"used": 0, "parent": None}
        if file.content == "backup":
            shown["subtype"] = "lxc" if "-lxc-" in file.volid else "qemu"
        yield shown


def may_see(call: Call, entry: Mapping[str, Any]) -> bool:
    """Whoever may not change the storage sees only what belongs to machines they may change."""
    rights, caller, place = call.lab.rights, call.caller, f"/storage/{call.text('storage')}"
    if entry["content"] in _READABLE or rights.has(caller, place, "Datastore.Allocate"):
        return True
    vmid = entry.get("vmid")
    if vmid is None:
        return False
    if call.text("vmid") == str(vmid):
        return True
    backup = entry["content"] == "backup"
    on_storage, on_machine = (
        ("Datastore.AllocateSpace", "VM.Backup")
        if backup
        else ("Datastore.Audit", "VM.Config.Disk")
    )
    return rights.has(caller, place, on_storage) and rights.has(caller, f"/vms/{vmid}", on_machine)


def storage_name(call: Call) -> str:
    """The volume may name its storage; the path names it, too, or else."""
    head, colon, _ = call.text("volume").partition(":")
    return head if colon else call.text("storage")


def volid_of(call: Call) -> str:
    """Return the full id of the volume the call is about, or refuse a name that cannot be one."""
    volume = call.text("volume")
    name = volume.partition(":")[2] if ":" in volume else volume
    if not _NAME.fullmatch(name):
        raise Refusal(f"unable to parse directory volume name '{name}'")
    return volume if ":" in volume else f"{call.text('storage')}:{volume}"


def stored_file(call: Call) -> StoredFile | None:
    """Return the file the call is about, unless it is a drive or missing."""
    files = call.lab.site.storage(storage_name(call)).files_on(call.lab.site.node)
    return next((file for file in files if file.volid == volid_of(call)), None)


def entry_of(call: Call) -> dict[str, Any]:
    """Return what is listed of the volume the call is about, or refuse."""
    volid = volid_of(call)
    found = entries(call, storage_name(call))
    entry = next((entry for entry in found if entry["volid"] == volid), None)
    if entry is None:
        raise Refusal(f"file_size_info on '{volid}' failed")
    return entry
