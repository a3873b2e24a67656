"""unarchive on the model: zip and tar, when the guest has the tools for them."""

import io
import posixpath
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace

from proxmox_lab.guests.simulated.model.actor import demand_write
from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.modules.attributes import described, new_node, wanted_attributes
from proxmox_lab.guests.simulated.modules.download_modules import get_url
from proxmox_lab.guests.simulated.modules.task import Answer, Refused, Task

STRIP = "--strip-components="


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One entry of an archive."""

    name: str
    mode: int
    data: bytes = b""
    directory: bool = False
    target: str = ""


async def unarchive(task: Task) -> Answer:
    """Unpack an archive; a second run finds everything in its place."""
    arguments, files = task.arguments, task.files
    target = task.session.path(arguments.text("dest"))
    creates = arguments.optional("creates")
    if creates and files.find(task.session.path(creates)) is not None:
        return {
            "changed": False,
            "skipped": True,
            "msg": f"skipped, since {creates} exists",
            "dest": target,
        }
    if not files.is_directory(target):
        raise Refused(f"Destination '{target}' is not a directory")
    source = task.session.path(arguments.text("src"))
    if "://" in arguments.text("src"):
        raise Refused(
            f"the simulated guest models unarchive of files; use {get_url.__name__} first"
        )
    if files.find(source) is None:
        raise Refused(f"Source '{source}' does not exist")
    handler, members = _opened(task, source)
    changed = False
    for member in members:
        path = posixpath.normpath(posixpath.join(target, member.name))
        if path == target or not path.startswith(target.rstrip("/") + "/"):
            continue
        changed |= _placed(task, path, member)
    return {"changed": changed, "dest": target, "src": source, "handler": handler} | described(
        task, target
    )


def _opened(task: Task, source: str) -> tuple[str, list[Member]]:
    data = task.files.read(source)
    if zipfile.is_zipfile(io.BytesIO(data)):
        _demand(task, source, "unzip")
        return "ZipArchive", list(_stripped(task, _zip_members(data)))
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            _demand(task, source, "tar")
            return "TgzArchive", list(_stripped(task, _tar_members(archive)))
    except tarfile.TarError as error:
        raise Refused(
            f'Failed to find handler for "{source}". Make sure the required command to extract the '
            "file is installed."
        ) from error


def _demand(task: Task, source: str, tool: str) -> None:
    if task.files.find(f"/usr/bin/{tool}") is None:
        raise Refused(
            f'Failed to find handler for "{source}". Make sure the required command to extract the '
            f'file is installed.\nUnable to find required "{tool}" binary in the path.'
        )


def _zip_members(data: bytes) -> Iterator[Member]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            mode = (info.external_attr >> 16) & 0o777
            if info.is_dir():
                yield Member(name=info.filename, mode=mode or 0o755, directory=True)
            else:
                yield Member(name=info.filename, mode=mode or 0o644, data=archive.read(info))


def _tar_members(archive: tarfile.TarFile) -> Iterator[Member]:
    for info in archive:
        mode = info.mode & 0o7777
        if info.isdir():
            yield Member(name=info.name, mode=mode, directory=True)
        elif info.issym():
            yield Member(name=info.name, mode=0o777, target=info.linkname)
        elif info.isfile():
            content = archive.extractfile(info)
            yield Member(name=info.name, mode=mode, data=content.read() if content else b"")


def _stripped(task: Task, members: Iterator[Member]) -> Iterator[Member]:
    options = task.arguments.texts("extra_opts")
    depth = next((int(o.removeprefix(STRIP)) for o in options if o.startswith(STRIP)), 0)
    wanted, unwanted = task.arguments.texts("include"), task.arguments.texts("exclude")
    for member in members:
        kept = (not wanted or member.name in wanted) and member.name not in unwanted
        parts = member.name.split("/")[depth:]
        if kept and any(parts):
            yield replace(member, name="/".join(parts))


def _placed(task: Task, path: str, member: Member) -> bool:
    files = task.files
    kind = Kind.DIRECTORY if member.directory else Kind.LINK if member.target else Kind.FILE
    node = replace(new_node(task, kind), mode=member.mode, target=member.target)
    mode, owner, group = wanted_attributes(task, node)
    node = replace(node, mode=mode, owner=owner, group=group)
    known = files.find(path, follow=False)
    if known is not None and _same(task, path, known, node, member):
        return False
    if not task.check:
        demand_write(files, path, actor=task.actor)
        if posixpath.dirname(path) != "/":
            files.make_directories(posixpath.dirname(path), owner=owner)
        if kind is Kind.FILE:
            files.write(path, member.data, template=node)
        else:
            files.put(path, node)
    return True


def _same(task: Task, path: str, known: Node, wanted: Node, member: Member) -> bool:
    attributes = (known.kind, known.owner, known.group, known.target)
    if attributes != (wanted.kind, wanted.owner, wanted.group, wanted.target):
        return False
    return known.kind is not Kind.FILE or task.files.read(path) == member.data
