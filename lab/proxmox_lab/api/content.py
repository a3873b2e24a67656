"""``…/storage/{storage}/content``: volumes of machines, images, templates, backups."""

from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.access.permission import need
from proxmox_lab.api.volume_view import (
    entries,
    entry_of,
    may_see,
    storage_name,
    stored_file,
    volid_of,
)
from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import Refusal, forbidden

_DIRECTORIES: Final = {
    "iso": "template/iso", "vztmpl": "template/cache", "backup": "dump", "snippets": "snippets",
    "import": "import",
}  # fmt: skip


async def content(call: Call) -> list[dict[str, Any]]:
    """List what lies on a storage: of one machine, of one kind, or all the caller may see."""
    kind, wanted = call.text("content"), call.text("vmid")
    return [
        entry
        for entry in entries(call, call.text("storage"))
        if kind in ("", entry["content"])
        and wanted in ("", str(entry.get("vmid")))
        and may_see(call, entry)
    ]


async def volume(call: Call) -> dict[str, Any]:
    """Tell about one volume."""
    entry = entry_of(call)
    if not may_see(call, entry):
        raise forbidden(f"/storage/{storage_name(call)}, Datastore.Allocate")
    kept = ("size", "format", "used", "notes", "protected")
    shown = {"used": entry["size"]} | {key: entry[key] for key in kept if key in entry}
    return shown | {"path": path_of(call, entry["volid"], entry["content"])}


def path_of(call: Call, volid: str, kind: str) -> str:
    """Tell where a volume lies on its node."""
    storage, _, file = volid.partition(":")
    place = _DIRECTORIES.get(kind, "images")
    return f"{call.lab.site.storage(storage).path}/{place}/{file.removeprefix(f'{kind}/')}"


async def change_volume(call: Call) -> None:
    """Change the notes of a file, or protect it."""
    file = stored_file(call)
    if file is None:
        raise Refusal(f"can't set attributes of '{volid_of(call)}'")
    need(call.lab.rights, call.caller, f"/storage/{storage_name(call)}", "Datastore.Allocate")
    if "notes" in call.parameters:
        file.notes = call.text("notes") or None
    file.protected = call.switch("protected", default=file.protected)
    call.lab.store.save_rules(call.lab.site)


_ALL: Final = "/nodes/{node}/storage/{storage}/content"
ROUTES: Final[Mapping[str, Handler]] = {
    f"GET {_ALL}": content,
    f"GET {_ALL}/{{volume}}": volume,
    f"PUT {_ALL}/{{volume}}": change_volume,
}
