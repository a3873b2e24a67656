"""python in the guest: reads a module from its input and answers from the model."""

import json
from collections.abc import Mapping
from dataclasses import replace

from proxmox_lab.guests.simulated.model.actor import PermissionRefused, demand_read
from proxmox_lab.guests.simulated.model.files import NoSuchPath, NotADirectory
from proxmox_lab.guests.simulated.modules import (
    account_modules,
    archive_modules,
    command_modules,
    copy_module,
    download_modules,
    fact_modules,
    file_module,
    look_modules,
    package_modules,
    service_modules,
    system_modules,
    text_modules,
)
from proxmox_lab.guests.simulated.modules.arguments import checked
from proxmox_lab.guests.simulated.modules.options import BadArguments
from proxmox_lab.guests.simulated.modules.payload import NotAModule, read_payload
from proxmox_lab.guests.simulated.modules.task import Answer, Module, Refused, Task
from proxmox_lab.guests.simulated.shell.guest_shell import GuestShell
from proxmox_lab.guests.simulated.shell.session import Outcome, Session, failed

MODULES: Mapping[str, Module] = {
    "ping": command_modules.ping,
    "setup": fact_modules.setup,
    "command": command_modules.command,
    "wait_for": command_modules.wait_for,
    "apt": package_modules.apt,
    "package_facts": package_modules.package_facts,
    "copy": copy_module.copy,
    "file": file_module.file,
    "stat": look_modules.stat,
    "slurp": look_modules.slurp,
    "tempfile": look_modules.tempfile,
    "user": account_modules.user,
    "group": account_modules.group,
    "systemd": service_modules.systemd,
    "systemd_service": service_modules.systemd,
    "service": service_modules.service,
    "service_facts": service_modules.service_facts,
    "get_url": download_modules.get_url,
    "uri": download_modules.uri,
    "unarchive": archive_modules.unarchive,
    "lineinfile": text_modules.lineinfile,
    "blockinfile": text_modules.blockinfile,
    "replace": text_modules.replace,
    "hostname": system_modules.hostname,
    "cron": system_modules.cron,
    "getent": system_modules.getent,
    "find": system_modules.find,
}
REFUSALS = (BadArguments, PermissionRefused, NoSuchPath, NotADirectory, IsADirectoryError)
VERSION = "Python 3.13.5"


class Python:
    """The guest's python: it knows modules, and nothing else."""

    def __init__(self) -> None:
        """Make the shell that knows this python."""
        self.shell = GuestShell(self.run)

    async def run(self, words: list[str], session: Session) -> Outcome:
        """Apply the module on the input."""
        if words[1:] in (["-V"], ["--version"]):
            return Outcome(out=f"{VERSION}\n".encode())
        try:
            payload = read_payload(await _script(words, session))
        except NotAModule as refusal:
            return failed(f"the simulated guest's python: {refusal}", code=2)
        handler = MODULES.get(payload.module)
        if handler is None:
            return _printed(
                _failure(f"the simulated guest does not model the module {payload.module}")
            )
        try:
            task = Task(
                module=payload.module,
                arguments=checked(payload.module, payload.given),
                session=replace(session, sink=None),
                check=payload.check,
                diff=payload.diff,
                run_shell=self.shell.run,
                run_command=self.shell.execute,
            )
            answer = await handler(task)
        except Refused as refusal:
            answer = _failure(str(refusal), **refusal.fields)
        except REFUSALS as refusal:
            answer = _failure(str(refusal))
        finally:
            session.machine.changed()
        return _printed(answer)


async def _script(words: list[str], session: Session) -> bytes:
    """The module: from a file that Ansible has put there, or, pipelined, from the input."""
    if words[1:]:
        path = session.path(words[1])
        demand_read(session.machine.files, path, actor=session.actor)
        return session.machine.files.read(path)
    return await session.stdin.read()


def _failure(message: str, **fields: object) -> Answer:
    return {"changed": False, **fields, "failed": True, "msg": message}


def _printed(answer: Answer) -> Outcome:
    code = 1 if answer.get("failed") else 0
    return Outcome(code=code, out=json.dumps(answer).encode() + b"\n")


SHELL = Python().shell  # knows no guest but by the session, so that one serves all
