"""One operating-system process of the stack: how it is described, begun and ended."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PR_SET_PDEATHSIG: Final = 1
LOG_BYTES_KEPT: Final = 8 * 1024 * 1024


async def at_once() -> bool:
    """Count a process as ready as soon as it runs."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """What to run. Those of a lower ``stops_in`` are stopped earlier, ``patience`` in seconds."""

    name: str
    command: tuple[str, ...]
    log_file: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    is_ready: Callable[[], Awaitable[bool]] = at_once
    stops_in: int = 0
    patience: float = 5.0


async def spawn(spec: ProcessSpec) -> asyncio.subprocess.Process:
    """Begin a process in a session of its own; the kernel ends it should we be killed."""
    _turn_over(spec.log_file)
    with spec.log_file.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *spec.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(spec.environment) or None,
            start_new_session=True,
            preexec_fn=_tied_to(os.getpid()),
        )


async def end(process: asyncio.subprocess.Process, *, patience: float) -> bool:
    """Ask it to stop, then make it; true if asking was enough."""
    if process.returncode is not None:
        return True
    signal_group(process.pid, signal.SIGTERM, only_leader=True)
    try:
        await asyncio.wait_for(process.wait(), patience)
    except TimeoutError:
        signal_group(process.pid, signal.SIGKILL)
        await process.wait()
        return False
    signal_group(process.pid, signal.SIGKILL)  # what it may have left behind
    return True


def signal_group(pid: int, number: signal.Signals, *, only_leader: bool = False) -> None:
    """Signal a process that leads its group, or all of the group; none left is fine."""
    with suppress(ProcessLookupError, PermissionError):
        (os.kill if only_leader else os.killpg)(pid, number)


def last_lines(log_file: Path, count: int = 12) -> tuple[str, ...]:
    """Return the end of a process's log."""
    try:
        with log_file.open("rb") as log:
            log.seek(max(0, log_file.stat().st_size - 16_384))
            text = log.read().decode(errors="replace")
    except OSError:
        return ()
    return tuple(text.splitlines()[-count:])


def _turn_over(log_file: Path) -> None:
    if log_file.exists() and log_file.stat().st_size > LOG_BYTES_KEPT:
        log_file.replace(log_file.with_suffix(".log.1"))


def _tied_to(parent: int) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we were tied to it
            os._exit(1)

    return tie
