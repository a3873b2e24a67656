"""Processes: run one to its end, tell whether a QEMU of ours lives, wait until it is gone."""

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxmox_lab.guests.port import GuestFailure
from proxmox_lab.template.required_tools import TO_RUN, find_tool, missing_tools, remedy

_LOOK_EVERY: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a command ended."""

    code: int
    out: bytes
    err: bytes


async def run(*command: str) -> Done:
    """Run a command; if the caller gives up, the command is killed and waited for."""
    program = find_tool(command[0])
    if program is None:
        root = os.geteuid() == 0
        lacking = missing_tools(root=root, tools=TO_RUN)
        raise GuestFailure(f"{command[0]} is missing; install it: {remedy(lacking, root=root)}")
    process = await asyncio.create_subprocess_exec(
        program,
        *command[1:],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    return Done(code=process.returncode or 0, out=out, err=err)


def lives(pid: int, mark: Path) -> bool:
    """Tell whether the process lives and is the one whose command line holds ``mark``.

    A pid may belong to somebody else by now; and where nobody collects the dead, a process that
    ended stays listed, with an empty command line.
    """
    try:
        return os.fsencode(mark) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


async def wait_until_gone(pid: int, mark: Path, seconds: float) -> bool:
    """Return true once the process has ended, false if it lives on after ``seconds``."""
    clock = asyncio.get_running_loop()
    end = clock.time() + seconds
    while lives(pid, mark):
        if clock.time() >= end:
            return False
        await asyncio.sleep(_LOOK_EVERY)
    return True


def kill(pid: int, mark: Path) -> None:
    """Kill the process if it is still ours."""
    if lives(pid, mark):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
