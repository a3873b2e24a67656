"""copy on the model: what template and copy end in."""

import hashlib
import posixpath
from dataclasses import replace

from proxmox_lab.guests.simulated.model.actor import demand_read, demand_write
from proxmox_lab.guests.simulated.model.files import Kind
from proxmox_lab.guests.simulated.modules.attributes import (
    described,
    ensure_attributes,
    new_node,
)
from proxmox_lab.guests.simulated.modules.task import Answer, Refused, Task


async def copy(task: Task) -> Answer:
    """Put a file that Ansible has brought (or one already there) in its place."""
    arguments, files = task.arguments, task.files
    source, target = task.session.path(arguments.text("src")), _target(task)
    if files.find(source) is None:
        raise Refused(f"Source {source} not found")
    demand_read(files, source, actor=task.actor)
    data = files.read(source)
    digest = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    _demand_checksum(arguments.optional("checksum"), digest)
    if not files.is_directory(posixpath.dirname(target)):
        raise Refused(f"Destination directory {posixpath.dirname(target)} does not exist")
    answer: Answer = {"dest": target, "src": source, "checksum": digest}
    node = files.find(target)
    differs = node is None or node.kind is not Kind.FILE or files.read(target) != data
    if node is not None and differs and not arguments.flag("force"):
        return answer | {"changed": False, "msg": "file already exists"}
    if differs:
        answer |= await _placed(task, source=source, target=target, data=data)
    changed = files.find(target) is not None and ensure_attributes(task, target)
    answer |= {"changed": differs or changed}
    answer["md5sum"] = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return answer | described(task, target)


def _target(task: Task) -> str:
    target = task.session.path(task.arguments.text("dest"))
    if task.files.is_directory(target):
        brought = task.arguments.optional("_original_basename")
        return posixpath.join(target, brought or posixpath.basename(task.arguments.text("src")))
    return target


async def _placed(task: Task, *, source: str, target: str, data: bytes) -> Answer:
    files = task.files
    demand_write(files, target, actor=task.actor)
    node = files.find(target)
    answer: Answer = {}
    if node is not None and task.arguments.flag("backup"):
        answer["backup_file"] = f"{target}.{task.machine.next_pid()}.{int(task.now())}~"
    if not task.check:
        await _validated(task, source)
        if "backup_file" in answer:
            files.write(str(answer["backup_file"]), files.read(target), template=files.get(target))
        template = replace(node or new_node(task, Kind.FILE), mtime=task.now())
        files.write(target, data, template=template)
    return answer


def _demand_checksum(wanted: str | None, found: str) -> None:
    if wanted and wanted != found:
        raise Refused(
            "Copied file does not match the expected checksum. Transfer failed.",
            checksum=found,
            expected_checksum=wanted,
        )


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
