"""Processes whose parent died: they become ours, so that none outlives the stack.

Linux hands a process whose parent has ended to the nearest ancestor that asked for it. The
supervisor asks, buries those that end, and ends those that are left when the stack is down.
"""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

PR_SET_CHILD_SUBREAPER: Final = 36
BURY_EVERY: Final = 2.0


def adopt() -> bool:
    """Become the one to whom orphans of our descent are handed; false where there is no such."""
    return sys.platform == "linux" and ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1) == 0


async def bury(own: Callable[[], Collection[int]]) -> None:
    """Collect adopted processes that have ended, for ever; ``own`` children are left alone."""
    while True:
        for pid in _children() - set(own()):
            _collect(pid)
        await asyncio.sleep(BURY_EVERY)


def end_all(own: Collection[int] = ()) -> list[int]:
    """End what was adopted and still runs; return whom it hit."""
    hit: list[int] = []
    while left := _children() - set(own) - set(hit):
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
            hit.append(pid)
    return hit


def _collect(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _children() -> set[int]:
    return {pid for pid in _processes() if _parent_of(pid) == os.getpid()}


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent_of(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])
