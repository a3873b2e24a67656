"""stat, slurp and tempfile on the model."""

import base64
import hashlib
import secrets
from dataclasses import replace

from proxmox_lab.guests.simulated.model.actor import demand_read
from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.model.modes import shown
from proxmox_lab.guests.simulated.modules.attributes import (
    DIRECTORY_SIZE,
    described,
    new_node,
)
from proxmox_lab.guests.simulated.modules.task import Answer, Refused, Task

TEMPORARY = "/tmp"  # noqa: S108  the guest's, not ours


async def stat(task: Task) -> Answer:
    """What is at a path."""
    path = task.session.path(task.arguments.text("path"))
    node = task.files.find(path, follow=task.arguments.flag("follow"))
    if node is None:
        return {"changed": False, "stat": {"exists": False}}
    facts = {"path": task.arguments.text("path")} | _inode(task, node) | _permissions(node)
    if node.kind is Kind.LINK:
        facts |= {"lnk_target": node.target, "lnk_source": task.files.resolve(path)}
    if node.kind is Kind.FILE and task.arguments.flag("get_checksum"):
        algorithm = task.arguments.text("checksum_algorithm", "sha1")
        facts["checksum"] = hashlib.new(algorithm, task.files.read(path)).hexdigest()
    return {"changed": False, "stat": facts}


def _inode(task: Task, node: Node) -> Answer:
    accounts = task.machine.accounts
    return {
        "exists": True,
        "isdir": node.kind is Kind.DIRECTORY,
        "isreg": node.kind is Kind.FILE,
        "islnk": node.kind is Kind.LINK,
        **dict.fromkeys(("ischr", "isblk", "isfifo", "issock"), False),
        "uid": accounts.uid(node.owner),
        "gid": accounts.gid(node.group),
        "pw_name": node.owner,
        "gr_name": node.group,
        "size": DIRECTORY_SIZE if node.kind is Kind.DIRECTORY else node.size,
        **dict.fromkeys(("mtime", "atime", "ctime"), node.mtime),
        **dict.fromkeys(("nlink", "inode", "dev"), 1),
    }


def _permissions(node: Node) -> Answer:
    facts: Answer = {
        "mode": shown(node.mode),
        "readable": True,
        "writeable": bool(node.mode & 0o222),
        "executable": bool(node.mode & 0o111),
    }
    for place, who in ((6, "usr"), (3, "grp"), (0, "oth")):
        for bit, letter in ((4, "r"), (2, "w"), (1, "x")):
            facts[f"{letter}{who}"] = bool((node.mode >> place) & bit)
    return facts


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
    folder = task.arguments.text("path", TEMPORARY)
    prefix, suffix = task.arguments.text("prefix"), task.arguments.text("suffix")
    path = f"{folder}/{prefix}{secrets.token_hex(4)}{suffix}"
    kind = Kind.DIRECTORY if task.arguments.text("state") == "directory" else Kind.FILE
    node = replace(new_node(task, kind), mode=0o700 if kind is Kind.DIRECTORY else 0o600)
    task.files.put(path, node)
    return {"changed": True, "path": path} | described(task, path)
