"""copy, file, stat, slurp and tempfile on the model."""

import base64
import hashlib
import posixpath
import secrets
from dataclasses import replace

from proxmox_lab.guests.simulated.model.actor import demand_read, demand_remove, demand_write
from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.model.modes import shown
from proxmox_lab.guests.simulated.modules.attributes import (
    DIRECTORY_SIZE,
    described,
    ensure_attributes,
    new_node,
    wanted_attributes,
)
from proxmox_lab.guests.simulated.modules.task import Answer, Refused, Task


async def copy(task: Task) -> Answer:
    """Put a file that Ansible has brought (or one already there) in its place."""
    arguments, files = task.arguments, task.files
    source = task.session.path(arguments.text("src"))
    wanted = arguments.text("dest")
    target = task.session.path(wanted)
    if files.find(source) is None:
        raise Refused(f"Source {source} not found")
    if files.is_directory(target):
        name = arguments.optional("_original_basename") or posixpath.basename(source)
        target = posixpath.join(target, name)
    demand_read(files, source, actor=task.actor)
    data = files.read(source)
    sum_ = hashlib.sha1(data).hexdigest()  # noqa: S324  Ansible's own measure of sameness
    _demand_checksum(arguments.optional("checksum"), sum_)
    if not files.is_directory(posixpath.dirname(target)):
        raise Refused(f"Destination directory {posixpath.dirname(target)} does not exist")
    node = files.find(target)
    same = node is not None and node.kind is Kind.FILE and files.read(target) == data
    if node is not None and not same and not arguments.flag("force"):
        return {"dest": target, "src": source, "changed": False, "msg": "file already exists"}
    if not same:
        demand_write(files, target, actor=task.actor)
        backup = await _backup(task, target) if arguments.flag("backup") and node else None
        if not task.check:
            await _validated(task, source)
            files.write(
                target, data, template=replace(node or new_node(task, Kind.FILE), mtime=task.now())
            )
    changed = not same
    if files.find(target) is not None:
        changed |= ensure_attributes(task, target)
    answer: Answer = {
        "dest": target, "src": source, "checksum": sum_, "changed": changed,
        "md5sum": hashlib.md5(data).hexdigest(),  # noqa: S324  a field of the real answer
    }  # fmt: skip
    if not same and arguments.flag("backup") and backup:
        answer["backup_file"] = backup
    return answer | described(task, target)


def _demand_checksum(wanted: str | None, found: str) -> None:
    if wanted and wanted != found:
        raise Refused(
            "Copied file does not match the expected checksum. Transfer failed.",
            checksum=found,
            expected_checksum=wanted,
        )


async def _backup(task: Task, path: str) -> str:
    name = f"{path}.{task.machine.next_pid()}.{int(task.now())}~"
    if not task.check:
        task.files.write(name, task.files.read(path), template=task.files.get(path))
    return name


async def _validated(task: Task, source: str) -> None:
    command = task.arguments.optional("validate")
    if command:
        if "%s" not in command:
            raise Refused("validate must contain %s: " + command)
        outcome = await task.run_shell(command.replace("%s", source), task.session)
        if outcome.code:
            raise Refused(
                "failed to validate",
                exit_status=outcome.code,
                stdout=outcome.out.decode(),
                stderr=outcome.err.decode(),
            )


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
            f'src file does not exist, use "force=yes" if you really want to create the link: {full}',
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
    "absent": _absent, "directory": _directory, "link": _link, "touch": _touch, "file": _file, "hard": _hard,
}  # fmt: skip


async def stat(task: Task) -> Answer:
    """What is at a path."""
    path = task.session.path(task.arguments.text("path"))
    follow = task.arguments.flag("follow")
    node = task.files.find(path, follow=follow)
    if node is None:
        return {"changed": False, "stat": {"exists": False}}
    accounts = task.machine.accounts
    facts: Answer = {
        "exists": True, "path": task.arguments.text("path"), "mode": shown(node.mode),
        "isdir": node.kind is Kind.DIRECTORY, "isreg": node.kind is Kind.FILE,
        "islnk": node.kind is Kind.LINK, "ischr": False, "isblk": False, "isfifo": False, "issock": False,
        "uid": accounts.uid(node.owner), "gid": accounts.gid(node.group),
        "pw_name": node.owner, "gr_name": node.group,
        "size": DIRECTORY_SIZE if node.kind is Kind.DIRECTORY else node.size,
        "mtime": node.mtime, "atime": node.mtime, "ctime": node.mtime, "nlink": 1, "inode": 1, "dev": 1,
        "readable": True, "writeable": bool(node.mode & 0o222), "executable": bool(node.mode & 0o111),
    }  # fmt: skip
    for place, who in ((6, "usr"), (3, "grp"), (0, "oth")):
        for bit, letter in ((4, "r"), (2, "w"), (1, "x")):
            facts[f"{letter}{who}"] = bool((node.mode >> place) & bit)
    if node.kind is Kind.LINK:
        facts |= {"lnk_target": node.target, "lnk_source": task.files.resolve(path)}
    if node.kind is Kind.FILE and task.arguments.flag("get_checksum"):
        algorithm = task.arguments.text("checksum_algorithm", "sha1")
        facts["checksum"] = hashlib.new(algorithm, task.files.read(path)).hexdigest()
    return {"changed": False, "stat": facts}


async def slurp(task: Task) -> Answer:
    """The content of a file, in base64."""
    path = task.session.path(task.arguments.text("src"))
    if task.files.find(path) is None:
        raise Refused(f"File not found: {path}")
    demand_read(task.files, path, actor=task.actor)
    content = base64.b64encode(task.files.read(path)).decode()
    return {"changed": False, "content": content, "source": path, "encoding": "base64"}


async def tempfile(task: Task) -> Answer:
    """A new file or directory with a random name."""
    folder = task.arguments.text("path", "/tmp")  # noqa: S108  the guest's, not ours
    path = f"{folder}/{task.arguments.text('prefix')}{secrets.token_hex(4)}{task.arguments.text('suffix')}"
    kind = Kind.DIRECTORY if task.arguments.text("state") == "directory" else Kind.FILE
    node = replace(new_node(task, kind), mode=0o700 if kind is Kind.DIRECTORY else 0o600)
    task.files.put(path, node)
    return {"changed": True, "path": path} | described(task, path)
