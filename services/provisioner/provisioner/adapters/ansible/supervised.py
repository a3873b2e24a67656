"""Playbook runs, each in a supervised child process."""

import asyncio
import fcntl
import logging
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from provisioner.adapters.ansible.job import Job, Told
from provisioner.domain.play import Play, PlayEnded, TaskEvent

log = logging.getLogger(__name__)

PROGRAM: Final = "provisioner.adapters.ansible.playbook_run"
LINE_LIMIT: Final = 256 * 1024
STOP_PATIENCE: Final = 6.0  # seconds
SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsiblePlaybooks:
    """Runs playbooks of ``project``; keeps locks and short-lived private folders in ``runs``."""

    project: Path
    runs: Path

    async def play(self, play: Play, *, tell: Callable[[TaskEvent], Awaitable[None]]) -> PlayEnded:
        """Run the playbook to its end; cancelled, return when nothing of it is left."""
        child = await self._start()
        errors = asyncio.ensure_future(_last_error(child))
        try:
            await _give(child, self._job(play))
            ended = await _follow(child, tell)
            code = await child.wait()
            return ended or PlayEnded(status="broken", code=code, output=await errors)
        finally:
            await _stop(child)
            errors.cancel()

    def sweep(self) -> None:
        """Remove private folders whose runs are dead: they may hold what nobody should read."""
        for folder in self.runs.glob("*/"):
            with folder.with_name(f"{folder.name}.lock").open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue  # that run lives
                shutil.rmtree(folder, ignore_errors=True)

    async def _start(self) -> Process:
        self.runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", PROGRAM),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            limit=LINE_LIMIT,
            start_new_session=True,
            cwd=self.runs,
            env=_environment(self.runs),
        )

    def _job(self, play: Play) -> Job:
        return Job(
            name=play.name,
            parent=os.getpid(),
            lock=self.runs.absolute() / f"{play.name}.lock",
            directory=self.runs.absolute() / play.name,
            project=self.project.absolute(),
            playbook=play.playbook,
            inventory=dict(play.inventory),
            variables=dict(play.variables),
            known_hosts=play.known_hosts,
            secrets=play.secrets,
        )


def _environment(home: Path) -> dict[str, str]:
    """Return a clean environment: nothing of ours (a database's password, say) leaks in."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{SYSTEM_PATH}",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONUNBUFFERED": "1",
        "HOME": str(home.absolute()),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
    }


async def _give(child: Process, job: Job) -> None:
    assert child.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):
        child.stdin.write(job.model_dump_json().encode() + b"\n")
        await child.stdin.drain()


async def _follow(child: Process, tell: Callable[[TaskEvent], Awaitable[None]]) -> PlayEnded | None:
    assert child.stdout is not None
    while line := await child.stdout.readline():
        told = Told.model_validate_json(line)
        if told.event is not None:
            await tell(told.event)
        if told.ended is not None:
            return told.ended
    return None


async def _last_error(child: Process) -> tuple[str, ...]:
    """Read standard error to its end, keep its last lines."""
    assert child.stderr is not None
    kept: list[str] = []
    while chunk := await child.stderr.read(65_536):
        kept = [*kept, *chunk.decode(errors="replace").splitlines()][-20:]
    return tuple(kept)


async def _stop(child: Process) -> None:
    """End the child, which ends all it has started; not before nothing is left of it."""
    if child.returncode is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            child.send_signal(number)
        try:
            async with asyncio.timeout(STOP_PATIENCE):
                await child.wait()
                return
        except TimeoutError:
            log.warning("playbook run does not stop", extra={"pid": child.pid})
