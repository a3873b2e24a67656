"""Playbook runs, each in a supervised child process."""

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from provisioner.adapters.ansible.job import BORN, MARK, Job
from provisioner.adapters.ansible.nursery import HOME, Nursery
from provisioner.adapters.ansible.pipe import CHUNK, ToldLines, last_lines
from provisioner.adapters.ansible.process_tree import end_marked
from provisioner.adapters.folders import (
    drop_dead,
    free,
    last_holder,
    lock_of,
    socket_of,
    sockets_in,
)
from provisioner.domain.play import BROKEN, HUNG, NOT_RUN, Play, PlayEnded, TaskEvent, silence

PROGRAM: Final = "provisioner.adapters.ansible.playbook_run"
# How a child is ended and for how many seconds it is waited for: in all, and with the sweep
# after that, less than ten.
ENDING: Final = ((signal.SIGTERM, 4.0), (signal.SIGKILL, 2.0))
LAST_WORDS: Final = 2.0  # seconds for what a dead child has written
MODULES: Final = "modules"  # the folder in which packed modules are kept
OWN_CODE: Final = ("library", "module_utils", "roles/*/library", "roles/*/module_utils")


@dataclass(slots=True, kw_only=True)
class AnsiblePlaybooks:
    """Runs playbooks of ``project``; keeps locks and short-lived private folders in ``runs``."""

    project: Path
    runs: Path
    program: tuple[str, ...] = (sys.executable, "-m", PROGRAM)
    nursery: Nursery = field(init=False)

    def __post_init__(self) -> None:
        """Have a nursery for the children."""
        self.nursery = Nursery(runs=self.runs, program=self.program)

    async def play(self, play: Play, *, tell: Callable[[TaskEvent], Awaitable[None]]) -> PlayEnded:
        """Run the playbook to its end; cancelled, return when nothing of it is left."""
        try:
            child = await self.nursery.take()
        except OSError as error:
            return PlayEnded(status=BROKEN, code=NOT_RUN, output=(str(error),))
        assert child.stdout is not None
        assert child.stderr is not None
        errors = asyncio.ensure_future(last_lines(child.stderr))
        try:
            await _give(child, self._job(play))
            ended = await _follow(ToldLines(child.stdout), tell, hang=play.hang)
            if ended is not None and ended.status == HUNG:
                return ended
            await _leave(child)
            return ended or await _broken(child, errors)
        finally:
            await _to_its_end(self._stop(child, play.name))
            await _to_its_end(_drained(child, errors))

    def sweep(self) -> None:
        """Remove what dead runs have left: their folders may hold what nobody should read."""
        for folder in self.runs.glob("*/"):
            if folder.name == HOME:
                continue
            # Another copy's login may have ended, and taken its folder away, since we listed it.
            with suppress(FileNotFoundError), free(lock_of(folder)) as is_free:
                if is_free:
                    shutil.rmtree(folder, ignore_errors=True)
        for socket in sockets_in(self.runs):
            drop_dead(socket)

    async def _stop(self, child: Process, name: str) -> None:
        """End the child, which ends all that it started; what a dead one leaves is ended here."""
        for number, patience in ENDING:
            if child.returncode is not None:
                break
            with suppress(ProcessLookupError):
                child.send_signal(number)
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await child.wait()
        if child.returncode != 0:
            await asyncio.to_thread(self._clear, name)

    def _clear(self, name: str) -> None:
        """End what is left of a run, unless another of the same server lives."""
        folder = self.runs.absolute() / name
        with free(lock_of(folder)) as is_free:
            if is_free:
                end_marked(MARK, str(folder))
                end_marked(BORN, last_holder(lock_of(folder)))
                shutil.rmtree(folder, ignore_errors=True)

    def _job(self, play: Play) -> Job:
        folder = self.runs.absolute() / play.name
        return Job(
            parent=os.getpid(),
            lock=lock_of(folder),
            directory=folder,
            project=self.project.absolute(),
            modules=self._modules(),
            playbook=play.playbook,
            tags=play.tags,
            inventory=dict(play.inventory),
            variables=dict(play.variables),
            known_hosts=play.known_hosts,
            private_key=play.private_key,
            socket=socket_of(self.runs, play.login) if play.login else None,
            secrets=play.secrets,
        )

    def _modules(self) -> Path | None:
        """Return where packed modules are kept; none if the playbooks bring code of their own."""
        if any(True for pattern in OWN_CODE for _ in self.project.glob(pattern)):
            return None  # which may be edited, and is packed anew each time
        return self.runs.absolute() / HOME / MODULES


async def _give(child: Process, job: Job) -> None:
    assert child.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):
        child.stdin.write(job.model_dump_json().encode() + b"\n")
        await child.stdin.drain()


async def _follow(
    lines: ToldLines, tell: Callable[[TaskEvent], Awaitable[None]], *, hang: float
) -> PlayEnded | None:
    """Tell every event; return how it ended, or None if the child ended without a word."""
    while True:
        try:
            async with asyncio.timeout(hang):
                told = await lines.next()
        except TimeoutError:
            return PlayEnded(status=HUNG, code=NOT_RUN, output=(silence(hang),))
        if told is None:
            return None
        if told.event is not None:
            await tell(told.event)
        if told.ended is not None:
            return told.ended


async def _leave(child: Process) -> None:
    """Give a child that has told everything the time to go by itself."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORDS):
            await child.wait()


async def _drained(child: Process, errors: asyncio.Future[tuple[str, ...]]) -> None:
    """Read the pipes of a dead child to their ends, which lets go of them."""
    assert child.stdout is not None
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORDS):
            while await child.stdout.read(CHUNK):
                pass
    await asyncio.wait({errors}, timeout=LAST_WORDS)
    errors.cancel()


async def _broken(child: Process, errors: asyncio.Future[tuple[str, ...]]) -> PlayEnded:
    """Say how a child ended that did not say so itself; what it left may hold its pipes open."""
    said, _ = await asyncio.wait({errors}, timeout=LAST_WORDS)
    code = NOT_RUN if child.returncode is None else child.returncode
    return PlayEnded(status=BROKEN, code=code, output=errors.result() if said else ())


async def _to_its_end(ending: Coroutine[None, None, None]) -> None:
    """Let this be done even if whoever waits for it is cancelled, again and again."""
    doing = asyncio.ensure_future(ending)
    cut = False
    while not doing.done():
        try:
            await asyncio.shield(doing)
        except asyncio.CancelledError:
            cut = True
    doing.result()
    if cut:
        raise asyncio.CancelledError
