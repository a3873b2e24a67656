"""``/nodes/{node}/storage``: the storages of a node and their room."""

import re
from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import invalid
from proxmox_lab.site.things import Storage

READ: Final = ("Datastore.Audit", "Datastore.AllocateSpace")
_FORMATS: Final[tuple[dict[str, int], str]] = (
    {"raw": 1, "qcow2": 1, "vmdk": 1, "subvol": 1},
    "raw",
)


async def storages(call: Call) -> list[dict[str, Any]]:
    """List the node's storages with their room."""
    shown = [
        {"storage": name, **room(call, storage)} | _fraction(storage)
        for name, storage in visible(call).items()
        if _is_wanted(call, name, storage)
    ]
    if not call.switch("format"):
        return shown
    extra: dict[str, Any] = {"format": _FORMATS}
    if call.lab.release.is_modern:
        extra["formats"] = {"supported": sorted(_FORMATS[0]), "default": "raw"}
    return [entry | extra for entry in shown]


def visible(call: Call) -> dict[str, Storage]:
    """Return the storages the caller may see, on whatever node."""
    rights = call.lab.rights
    everything = call.lab.site.storages.items()
    return {n: s for n, s in everything if rights.has(call.caller, f"/storage/{n}", *READ)}


def _is_wanted(call: Call, name: str, storage: Storage) -> bool:
    content = set(filter(None, re.split(r"[,;\s]+", call.text("content"))))
    target = call.text("target")
    checks = (
        storage.is_on(call.lab.site.node),
        not target or (storage.is_on(target) and not storage.disabled),
        not content or not content.isdisjoint(storage.content),
        call.text("storage") in ("", name),
        not call.switch("enabled") or not storage.disabled,
    )
    return all(checks)


def room(call: Call, storage: Storage) -> dict[str, Any]:
    """Tell what a storage holds and how much; nothing is free while it is disabled."""
    total = call.lab.site.host.disk
    used = total if storage.full else total // 8
    known = {
        "type": storage.type, "content": ",".join(storage.content),
        "enabled": int(not storage.disabled), "shared": int(storage.shared),
    }  # fmt: skip
    if storage.disabled:
        return known | {"active": 0, "total": 0, "used": 0, "avail": 0}
    return known | {"active": 1, "total": total, "used": used, "avail": total - used}


def _fraction(storage: Storage) -> dict[str, float]:
    return {} if storage.disabled else {"used_fraction": 1 if storage.full else 0.125}


async def storage_index(call: Call) -> list[dict[str, str]]:
    """Name what lies below a storage."""
    old = ("content", "download-url", "file-restore", "import-metadata", "prunebackups")
    new = ("identity", "oci-registry-pull") if call.lab.release.is_modern else ()
    names = (*old, *new, "rrd", "rrddata", "status", "upload")
    return [{"subdir": name} for name in names]


async def storage_status(call: Call) -> dict[str, Any]:
    """Tell a storage's room."""
    found = call.lab.site.storages.get(call.text("storage"))
    if found is None or not found.is_on(call.lab.site.node):
        raise invalid({"storage": "No such storage."})
    return room(call, found)


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /nodes/{node}/storage": storages,
    "GET /nodes/{node}/storage/{storage}": storage_index,
    "GET /nodes/{node}/storage/{storage}/status": storage_status,
}
