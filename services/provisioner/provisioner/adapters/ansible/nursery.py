"""The child processes of playbook runs; one may be kept that has loaded all before its job."""

import asyncio
import os
import sys
import uuid
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from provisioner.adapters.ansible.job import BORN

SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HOME: Final = "ansible"  # below the folder of runs: what stays from run to run, no secrets
CONFIG: Final = "ansible.cfg"  # empty: nobody else's counts
LOADING: Final = 60.0  # seconds a spare is waited for; one takes two, on a busy machine ten
ENDING: Final = 5.0  # seconds until one that was killed is gone
PAUSE: Final = 3.0  # seconds in which the spare's successor does not disturb what it has begun


@dataclass(frozen=True, slots=True)
class _Spare:
    child: Process
    warming: asyncio.Future[bytes]  # until it gives its first sign of life


@dataclass(slots=True, kw_only=True)
class Nursery:
    """Starts children in ``runs``, each of which reads its job from its standard input.

    While ``keep`` goes on there is one to spare, which lets the next run begin sooner.
    """

    runs: Path
    program: tuple[str, ...]
    _spare: _Spare | None = None
    _taken: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_warm(self) -> bool:
        """Whether there is one to spare that has nothing left to load."""
        return self._spare is not None and self._spare.warming.done()

    async def take(self) -> Process:
        """Return a child that waits for its job. Raises ``OSError`` if there can be none."""
        spare, self._spare = self._spare, None
        self._taken.set()
        if spare is not None and await _is_well(spare):
            return spare.child
        return await self._start()

    async def keep(self) -> None:
        """Keep one to spare for as long as this goes on."""
        try:
            while True:
                self._taken.clear()
                if self._spare is None:
                    with suppress(OSError):  # the next run says what is wrong
                        self._spare = _spare(await self._start())
                await self._taken.wait()
                await asyncio.sleep(PAUSE)
        finally:
            if self._spare is not None:
                await _ended(self._spare.child)

    async def _start(self) -> Process:
        self.runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        home = self.runs.absolute() / HOME
        home.mkdir(mode=0o700, exist_ok=True)
        (home / CONFIG).touch(mode=0o600)
        name = uuid.uuid4().hex
        return await asyncio.create_subprocess_exec(
            *(*self.program, name),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
            cwd=self.runs,
            env={**_environment(home), BORN: name},
        )


def _spare(child: Process) -> _Spare:
    assert child.stdout is not None
    return _Spare(child, asyncio.ensure_future(child.stdout.readline()))


async def _is_well(spare: _Spare) -> bool:
    """Wait until it has loaded all, but not for ever; return whether it has, and lives."""
    try:
        await asyncio.wait({spare.warming}, timeout=LOADING)
    except asyncio.CancelledError:
        await _ended(spare.child)
        raise
    loaded = spare.warming.done() and spare.warming.result()
    if spare.child.returncode is None and loaded:
        return True
    await _ended(spare.child)
    return False


async def _ended(child: Process) -> None:
    with suppress(ProcessLookupError):
        child.kill()
    with suppress(TimeoutError):  # one that waits for a dead disk cannot even be killed
        async with asyncio.timeout(ENDING):
            await child.wait()


def _environment(home: Path) -> dict[str, str]:
    """Return a clean environment: nothing of ours (a database's password, say) leaks in."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{SYSTEM_PATH}",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONUNBUFFERED": "1",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(home / CONFIG),
        "ANSIBLE_LOCAL_TEMP": str(home),
    }
