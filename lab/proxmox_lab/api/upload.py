"""Images and templates sent to a storage, or fetched by it; the lab itself reaches nobody."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from proxmox_lab.api.content import path_of
from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import Refusal, invalid
from proxmox_lab.site.things import StoredFile
from proxmox_lab.tasks.task import Task

_ENDINGS: Final = {
    "iso": re.compile(r".+\.(iso|img)$", re.IGNORECASE),
    "vztmpl": re.compile(r".+\.tar\.(gz|xz|zst|bz2)$"),
    "import": re.compile(r".+\.(ova|ovf|qcow2|raw|vmdk)$"),
}
_ODD: Final = re.compile(r"[^A-Za-z0-9.\-_]")


async def upload(call: Call) -> str:
    """Take a file in, in the background."""
    path, name = _destination(call)
    source = call.text("tmpfilename")
    if not source:
        raise Refusal("missing temporary file name")

    async def work(task: Task) -> None:
        task.say(f"starting file import from: {source}")
        task.say(f"target node: {call.lab.site.node}")
        task.say(f"target file: {path}")
        task.say(f"file size is: {call.uploaded}")
        task.say(f"command: cp -- {source} {path}")
        _keep(call, name)
        task.say("finished file import successfully")

    return call.start("imgcopy", work, id="")


def _destination(call: Call) -> tuple[str, str]:
    """Return the path and the volume's id, or refuse what the storage would not hold."""
    storage, kind = call.text("storage"), call.text("content")
    place = call.lab.site.usable(storage)
    name = _ODD.sub("_", call.text("filename").strip().rpartition("/")[2])
    if not _ENDINGS[kind].match(name):
        raise invalid({"filename": "wrong file extension"})
    if kind not in place.content:
        raise Refusal(f"storage '{storage}' does not support '{kind}' content")
    volid = f"{storage}:{kind}/{name}"
    return path_of(call, volid, kind), volid


def _keep(call: Call, volid: str) -> None:
    """A file of the same name is replaced."""
    storage = call.lab.site.storage(call.text("storage"))
    node = call.lab.site.node
    old = [file for file in storage.files_on(node) if file.volid == volid]
    storage.files = [file for file in storage.files if file not in old]
    ending = volid.rpartition(".")[2]
    kept = StoredFile(
        volid=volid, node=node, content=call.text("content"), size=call.uploaded,
        format={"gz": "tgz", "xz": "txz", "zst": "tzst"}.get(ending, ending),
        ctime=int(call.lab.clock.now()),
    )  # fmt: skip
    storage.files.append(kept)
    call.lab.store.save_rules(call.lab.site)


async def download(call: Call) -> str:
    """Try to fetch a file in the background; nobody is reached from here."""
    path, _ = _destination(call)
    url = call.text("url")
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    async def work(task: Task) -> None:
        task.say(f"downloading {url} to {path}")
        task.say(f"--{call.lab.clock.shown()}--  {url}")
        if _is_address(host):
            why = f"Connecting to {host}:{port}... failed: Connection refused."
        else:
            why = f"wget: unable to resolve host address '{host}'"
        raise Refusal(f"download failed: {why}")

    return call.start("download", work, id=call.text("filename"))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


_PLACE: Final = "/nodes/{node}/storage/{storage}"
ROUTES: Final[Mapping[str, Handler]] = {
    f"POST {_PLACE}/upload": upload,
    f"POST {_PLACE}/download-url": download,
}
