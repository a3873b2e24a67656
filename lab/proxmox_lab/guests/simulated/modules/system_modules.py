"""hostname, cron, getent and find on the model."""

import fnmatch
import posixpath
import re

from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.modules.attributes import described
from proxmox_lab.guests.simulated.modules.task import Answer, Refused, Task

CRON_TIMES = ("minute", "hour", "day", "month", "weekday")
KINDS = {"file": Kind.FILE, "directory": Kind.DIRECTORY, "link": Kind.LINK}


async def hostname(task: Task) -> Answer:
    """The guest's name."""
    name, disk = task.arguments.text("name"), task.machine.disk
    changed = disk.hostname != name
    if changed and not task.check:
        if not task.actor.root:
            raise Refused(
                "Command failed rc=1, out=, err=Could not set static hostname: Access denied"
            )
        disk.hostname = name
        task.files.write(
            "/etc/hostname", f"{name}\n".encode(), template=Node(kind=Kind.FILE, mode=0o644)
        )
    facts = {
        "ansible_hostname": name.partition(".")[0],
        "ansible_nodename": name,
        "ansible_fqdn": name,
    }
    return {"changed": changed, "name": name, "ansible_facts": facts}


async def cron(task: Task) -> Answer:
    """An entry in /etc/cron.d or in a user's table; nothing runs it."""
    arguments, name = task.arguments, task.arguments.text("name")
    file = arguments.optional("cron_file")
    user = arguments.optional("user") or task.actor.name
    path = f"/etc/cron.d/{file}" if file else f"/var/spool/cron/crontabs/{user}"
    mark = f"#Ansible: {name}"
    lines = task.files.text(path).splitlines()
    at = lines.index(mark) if mark in lines else len(lines)
    rest = lines[:at] + lines[at + 2 :]
    after = rest
    if arguments.text("state", "present") == "present":
        special = arguments.optional("special_time")
        when = (
            f"@{special}" if special else " ".join(arguments.text(key, "*") for key in CRON_TIMES)
        )
        who = f" {user}" if file else ""
        after = [*lines[:at], mark, f"{when}{who} {arguments.text('job')}", *lines[at + 2 :]]
    changed = after != lines
    if changed and not task.check:
        task.files.make_directories(posixpath.dirname(path))
        text = "".join(f"{line}\n" for line in after)
        task.files.write(path, text.encode(), template=Node(kind=Kind.FILE, mode=0o600, owner=user))
    jobs = [line.removeprefix("#Ansible: ") for line in after if line.startswith("#Ansible: ")]
    return {"changed": changed, "jobs": jobs, "envs": []}


async def getent(task: Task) -> Answer:
    """Rows of passwd and group as facts."""
    database, key = task.arguments.text("database"), task.arguments.optional("key")
    tables = {"passwd": task.machine.accounts.passwd, "group": task.machine.accounts.group_file}
    if database not in tables:
        raise Refused(f"the simulated guest does not model the database {database}")
    rows: dict[str, object] = {}
    for line in tables[database]().splitlines():
        name, *rest = line.split(":")
        if key in (None, name):
            rows[name] = rest
    if key is not None and not rows and task.arguments.flag("fail_key"):
        raise Refused("One or more supplied key could not be found in the database.")
    return {"changed": False, "ansible_facts": {f"getent_{database}": rows}}


async def find(task: Task) -> Answer:
    """Files by name below directories."""
    arguments = task.arguments
    patterns, kind = arguments.texts("patterns") or ["*"], arguments.text("file_type", "file")
    found: list[Answer] = []
    examined = 0
    for top in arguments.texts("paths"):
        folder = task.session.path(top)
        if not task.files.is_directory(folder):
            continue
        for path in list(task.files.below(folder)):
            deep = posixpath.dirname(path) != task.files.resolve(folder)
            if deep and not arguments.flag("recurse"):
                continue
            examined += 1
            if _fits(task, path, patterns, kind):
                found.append({"path": path} | described(task, path))
    return {
        "changed": False,
        "files": found,
        "matched": len(found),
        "examined": examined,
        "msg": "All paths examined.",
    }


def _fits(task: Task, path: str, patterns: list[str], kind: str) -> bool:
    name = posixpath.basename(path)
    regular = task.arguments.flag("use_regex")
    matched = any(
        re.fullmatch(text, name) if regular else fnmatch.fnmatch(name, text) for text in patterns
    )
    return matched and (kind == "any" or task.files.nodes[path].kind is KINDS[kind])
