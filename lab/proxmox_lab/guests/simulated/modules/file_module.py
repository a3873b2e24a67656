"""file on the model: directories, links, attributes, and nothing at all."""

import posixpath

from proxmox_lab.guests.simulated.model.actor import demand_remove, demand_write
from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.modules.attributes import (
    described,
    ensure_attributes,
    new_node,
    wanted_attributes,
)
from proxmox_lab.guests.simulated.modules.task import Answer, Refused, Task


async def file(task: Task) -> Answer:
    """Bring about a directory, a link, an empty file, attributes, or nothing at all."""
    path = task.session.path(task.arguments.text("path"))
    node = task.files.find(path, follow=False)
    wanted = task.arguments.optional("state")
    if wanted is None:
        wanted = (
            str(node.kind) if node else "directory" if task.arguments.flag("recurse") else "file"
        )
    name = task.arguments.optional("_original_basename")
    if wanted == "file" and name and task.files.is_directory(path):
        path = posixpath.join(path, name)
    before = str(node.kind) if node else "absent"
    changed = await STATES[wanted](task, path)
    shown_path = "path" if wanted in ("absent", "directory", "file") else "dest"
    answer: Answer = {"changed": changed, shown_path: path}
    if task.diff or changed:
        answer["diff"] = {
            "before": {"path": path, "state": before},
            "after": {"path": path, "state": wanted},
        }
    if wanted == "link":
        answer["src"] = task.arguments.text("src")
    return answer | (
        described(task, path) if task.files.find(path, follow=False) else {"state": "absent"}
    )


async def _absent(task: Task, path: str) -> bool:
    if task.files.find(path, follow=False) is None:
        return False
    demand_remove(task.files, path, actor=task.actor)
    return True if task.check else task.files.remove(path)


async def _directory(task: Task, path: str) -> bool:
    node, changed = task.files.find(path), False
    if node is not None and node.kind is not Kind.DIRECTORY:
        raise Refused(f"{path} already exists as a {node.kind}", path=path)
    if node is None:
        if task.check:
            return True
        changed = _make_directories(task, path)
    changed |= ensure_attributes(task, path)
    if task.arguments.flag("recurse"):
        for below in list(task.files.below(path)):
            changed |= ensure_attributes(task, below)
    return changed


def _make_directories(task: Task, path: str) -> bool:
    built = "/"
    for part in path.strip("/").split("/"):
        built = posixpath.join(built, part)
        if task.files.find(built) is None:
            demand_write(task.files, built, actor=task.actor)
            task.files.put(built, new_node(task, Kind.DIRECTORY))
            ensure_attributes(task, built)
    return True


async def _link(task: Task, path: str) -> bool:
    target = task.arguments.optional("src")
    node = task.files.find(path, follow=False)
    if target is None:
        raise Refused("src is required for creating new symlinks", path=path)
    if node is not None and node.kind is Kind.LINK and node.target == target:
        return False
    force = task.arguments.flag("force")
    if node is not None and node.kind is not Kind.LINK and not force:
        raise Refused(f"refusing to convert from {node.kind} to symlink for {path}", path=path)
    full = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if task.files.find(full) is None and not force:
        raise Refused(
            'src file does not exist, use "force=yes" if you really want to create the link: '
            f"{full}",
            path=path,
            src=target,
        )
    if not task.check:
        demand_write(task.files, path, actor=task.actor)
        task.files.remove(path)
        task.files.put(path, Node(kind=Kind.LINK, mode=0o777, target=target, mtime=task.now()))
    return True


async def _touch(task: Task, path: str) -> bool:
    kept = "preserve" in (
        task.arguments.text("modification_time"),
        task.arguments.text("access_time"),
    )
    node = task.files.find(path)
    if not task.check:
        if node is None:
            demand_write(task.files, path, actor=task.actor)
            task.files.write(path, b"", template=new_node(task, Kind.FILE))
        changed = ensure_attributes(task, path)
        return changed or node is None or not kept
    return node is None or not kept


async def _file(task: Task, path: str) -> bool:
    node = task.files.find(path)
    if node is None:
        raise Refused(f"file ({path}) is absent, cannot continue", path=path, state="absent")
    if node.kind is Kind.DIRECTORY and task.arguments.optional("state") == "file":
        raise Refused(f"file ({path}) is directory, cannot continue", path=path, state="directory")
    wanted_attributes(task, node)
    return ensure_attributes(task, path)


async def _hard(_task: Task, path: str) -> bool:
    raise Refused("the simulated guest does not model hard links", path=path)


STATES = {
    "absent": _absent,
    "directory": _directory,
    "link": _link,
    "touch": _touch,
    "file": _file,
    "hard": _hard,
}
