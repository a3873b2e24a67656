"""ping, command, shell, wait_for and the facts on the model."""

import asyncio
import re
import shlex
import time
from dataclasses import replace
from datetime import timedelta

from proxmox_lab.guests.simulated.modules.package_modules import moment
from proxmox_lab.guests.simulated.modules.task import Answer, Refused, Task
from proxmox_lab.guests.simulated.shell.session import Input, Session

POLL = 0.1


async def ping(task: Task) -> Answer:
    """Answer."""
    data = task.arguments.text("data", "pong")
    if data == "crash":
        raise Refused("boom")
    return {"changed": False, "ping": data}


async def command(task: Task) -> Answer:
    """Run a command, or a script when the shell was asked for."""
    arguments = task.arguments
    script = bool(arguments.value("_uses_shell"))
    text, words = arguments.text("_raw_params"), arguments.texts("argv")
    if not text and not words:
        raise Refused("no command given", rc=256)
    words = words or ([] if script else shlex.split(text))
    answer: Answer = {"changed": False, "cmd": text if script else words, "rc": 0, "stderr": ""}
    if skipped := _skipped(task):
        return answer | {"stdout": skipped, "msg": skipped}
    if task.check:
        why = "Command would have run if not in check mode"
        return answer | {"changed": True, "stdout": "", "skipped": True, "msg": why}
    session = _surroundings(task)
    started = task.now()
    outcome = await (task.run_shell(text, session) if script else task.run_command(words, session))
    answer |= {
        "changed": True,
        "rc": outcome.code,
        "stdout": outcome.out.decode(errors="replace").rstrip("\r\n"),
        "stderr": outcome.err.decode(errors="replace").rstrip("\r\n"),
        "start": moment(started),
        "end": moment(task.now()),
        "delta": str(timedelta(seconds=task.now() - started)),
        "msg": "",
    }
    if outcome.code:
        raise Refused("non-zero return code", **answer)
    return answer


def _surroundings(task: Task) -> Session:
    where = task.arguments.text("chdir") or task.session.home()
    if not task.files.is_directory(task.session.path(where)):
        raise Refused(
            "Unable to change directory before execution: "
            f"[Errno 2] No such file or directory: b'{where}'"
        )
    stdin = Input(task.arguments.text("stdin").encode())
    return replace(task.session, cwd=task.session.path(where), stdin=stdin)


def _skipped(task: Task) -> str:
    creates, removes = task.arguments.optional("creates"), task.arguments.optional("removes")
    if creates and task.files.find(task.session.path(creates)) is not None:
        return f"skipped, since {creates} exists"
    if removes and task.files.find(task.session.path(removes)) is None:
        return f"skipped, since {removes} does not exist"
    return ""


async def wait_for(task: Task) -> Answer:
    """Wait for a TCP port or a path; UDP is nothing the real module can wait for either."""
    arguments = task.arguments
    began = time.monotonic()
    port, path = arguments.value("port"), arguments.optional("path")
    await asyncio.sleep(min(arguments.number("delay"), 1))
    wanted = arguments.text("state") in ("started", "present", "drained")
    while time.monotonic() - began < arguments.number("timeout", 300):
        if port is None and path is None:
            await asyncio.sleep(min(arguments.number("timeout"), 1))
            break
        if _there(task, port, path) is wanted:
            break
        await asyncio.sleep(POLL)
    else:
        what = path or f"{arguments.text('host')}:{port}"
        raise Refused(
            arguments.optional("msg") or f"Timeout when waiting for {what}",
            elapsed=int(time.monotonic() - began),
        )
    return {
        "changed": False,
        "state": arguments.text("state"),
        "port": port,
        "path": path,
        "elapsed": int(time.monotonic() - began),
    }


def _there(task: Task, port: object, path: str | None) -> bool:
    if path is not None:
        text = task.arguments.optional("search_regex")
        node = task.files.find(task.session.path(path))
        content = task.files.text(task.session.path(path))
        return node is not None and (text is None or re.search(text, content) is not None)
    return port in task.machine.listening("tcp")
