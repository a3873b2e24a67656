"""``/storage``: how the storages of the site are defined."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.api.storage import visible
from proxmox_lab.call import Call, Handler
from proxmox_lab.machines.config import typed
from proxmox_lab.refusal import Refusal
from proxmox_lab.site.things import Storage

_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "dir": ("path",),
    "nfs": ("server", "export"),
    "cifs": ("server", "share"),
    "lvm": ("vgname",),
    "lvmthin": ("vgname", "thinpool"),
    "zfspool": ("pool",),
    "btrfs": ("path",),
}
_SHARED: Final = frozenset({"nfs", "cifs", "cephfs", "rbd", "iscsi", "iscsidirect", "pbs", "zfs"})
_USUAL: Final = ("images", "rootdir")
_HELD: Final = frozenset({"storage", "type", "path", "content", "nodes", "shared", "disable"})


async def definitions(call: Call) -> list[dict[str, Any]]:
    """List how storages are defined."""
    wanted = call.text("type")
    seen = visible(call).items()
    return [_definition(call, name) for name, storage in seen if wanted in ("", storage.type)]


async def definition(call: Call) -> dict[str, Any]:
    """Tell how one storage is defined."""
    return _definition(call, call.text("storage"))


def _definition(call: Call, name: str) -> dict[str, Any]:
    storage = call.lab.site.storage(name)
    rules = call.lab.table.methods["POST /storage"].parameters
    shown: dict[str, Any] = {
        "storage": name, "type": storage.type, "path": storage.path, "digest": _digest(call),
        "content": ",".join(storage.content),
    }  # fmt: skip
    shown |= {key: typed(key, value, rules) for key, value in storage.options.items()}
    shown |= {"nodes": ",".join(sorted(storage.nodes))} if storage.nodes else {}
    shown |= {"shared": 1} if storage.shared and storage.type == "dir" else {}
    return shown | ({"disable": 1} if storage.disabled else {})


def _digest(call: Call) -> str:
    """One file holds all definitions, so they have one digest."""
    told = [
        f"{name} {storage.model_dump_json(exclude={'files', 'full'})}"
        for name, storage in sorted(call.lab.site.storages.items())
    ]
    return hashlib.sha1("\n".join(told).encode(), usedforsecurity=False).hexdigest()


async def create(call: Call) -> dict[str, str]:
    """Define a storage."""
    name, kind = call.text("storage"), call.text("type")
    if name in call.lab.site.storages:
        raise Refusal(f"create storage failed: storage ID '{name}' already defined")
    for key in _NEEDED.get(kind, ()):
        if key not in call.parameters:
            raise Refusal(f"create storage failed: missing value for required option '{key}'")
    made = Storage(
        path=call.text("path", f"/mnt/pve/{name}"),
        content=list(_USUAL),
        type=kind,
        shared=kind in _SHARED,
    )
    _take(call, made)
    call.lab.site.storages[name] = made
    call.lab.store.save_rules(call.lab.site)
    return {"storage": name, "type": kind}


async def change(call: Call) -> dict[str, str]:
    """Define a storage otherwise."""
    name = call.text("storage")
    found = _known(call, failing="update storage failed")
    if call.text("digest") not in ("", _digest(call)):
        raise Refusal("update storage failed: detected modified configuration - file changed by "
                      "other user? Try again.")  # fmt: skip
    for key in filter(None, re.split(r"[,;\s]+", call.text("delete"))):
        _refuse_to_drop(call, key)
        found.options.pop(key, None)
        if key == "nodes":
            found.nodes = []
        if key == "disable":
            found.disabled = False
    _take(call, found)
    call.lab.store.save_rules(call.lab.site)
    return {"storage": name, "type": found.type}


def _refuse_to_drop(call: Call, key: str) -> None:
    if key == "path":
        raise Refusal("update storage failed: unable to delete required option 'path'")
    known = call.lab.table.methods["PUT /storage/{storage}"].parameters
    if key not in known or key in ("storage", *_CONTROLS):
        raise Refusal(f"update storage failed: no such option '{key}'")


async def delete(call: Call) -> None:
    """Forget a storage; what lies on it stays where it is."""
    _known(call, failing="delete storage failed")
    del call.lab.site.storages[call.text("storage")]
    call.lab.store.save_rules(call.lab.site)


def _known(call: Call, *, failing: str) -> Storage:
    found = call.lab.site.storages.get(call.text("storage"))
    if found is None:
        raise Refusal(f"{failing}: storage '{call.text('storage')}' does not exist")
    return found


def _take(call: Call, storage: Storage) -> None:
    lists = {key: list(filter(None, re.split(r"[,;\s]+", call.text(key)))) for key in _LISTS}
    for key, items in lists.items():
        if key in call.parameters:
            setattr(storage, key, items)
    storage.shared = call.switch("shared", default=storage.shared)
    storage.disabled = call.switch("disable", default=storage.disabled)
    extra = {key: call.text(key) for key in call.parameters if key not in (*_HELD, *_CONTROLS)}
    storage.options |= extra


_LISTS: Final = ("content", "nodes")
_CONTROLS: Final = ("delete", "digest")
ROUTES: Final[Mapping[str, Handler]] = {
    "GET /storage": definitions,
    "POST /storage": create,
    "GET /storage/{storage}": definition,
    "PUT /storage/{storage}": change,
    "DELETE /storage/{storage}": delete,
}
