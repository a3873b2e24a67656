"""Owner, group and mode: what every module that touches files sets and reports."""

from proxmox_lab.guests.simulated.model.actor import demand_owner
from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.model.modes import BadMode, new_mode, shown
from proxmox_lab.guests.simulated.modules.task import Answer, Refused, Task

DIRECTORY_SIZE = 4096


def new_node(task: Task, kind: Kind) -> Node:
    """What this user would make here, before owner, group and mode are set."""
    full = 0o777 if kind is Kind.DIRECTORY else 0o666
    name = task.actor.name
    group = task.actor.groups[0] if task.actor.groups else name
    return Node(
        kind=kind, mode=full & ~task.session.umask, owner=name, group=group, mtime=task.now()
    )


def wanted_attributes(task: Task, node: Node) -> tuple[int, str, str]:
    """Mode, owner and group as the arguments want them; unknown names are refused."""
    owner, group, mode = node.owner, node.group, node.mode
    arguments, accounts = task.arguments, task.machine.accounts
    if (name := arguments.optional("owner")) is not None:
        owner = accounts.user_named(name) or _refuse(
            task, f"chown failed: failed to look up user {name}"
        )
    if (name := arguments.optional("group")) is not None:
        group = accounts.group_named(name) or _refuse(
            task, f"chgrp failed: failed to look up group {name}"
        )
    if (text := arguments.value("mode")) not in (None, "preserve"):
        try:
            mode = text & 0o7777 if isinstance(text, int) else new_mode(str(text), node)
        except BadMode as bad:
            raise Refused(str(bad), details=str(bad)) from bad
    return mode, owner, group


def ensure_attributes(task: Task, path: str) -> bool:
    """Set owner, group and mode; true if something differed."""
    node = task.files.get(path)
    mode, owner, group = wanted_attributes(task, node)
    if (mode, owner, group) == (node.mode, node.owner, node.group):
        return False
    if not task.check:
        demand_owner(task.files, path, actor=task.actor)
        if owner != node.owner and not task.actor.root:
            raise Refused("chown failed", path=path)
        task.files.change(path, mode=mode, owner=owner, group=group)
    return True


def described(task: Task, path: str) -> Answer:
    """The fields every file module adds to its result."""
    node = task.files.find(path, follow=False)
    if node is None:
        return {"state": "absent"}
    accounts = task.machine.accounts
    return {
        "uid": accounts.uid(node.owner),
        "gid": accounts.gid(node.group),
        "owner": node.owner,
        "group": node.group,
        "mode": shown(node.mode),
        "size": DIRECTORY_SIZE if node.kind is Kind.DIRECTORY else node.size,
        "state": str(node.kind),
    }


def _refuse(task: Task, message: str) -> str:
    if task.check:
        return ""
    raise Refused(message)
