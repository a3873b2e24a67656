"""Processes that must not outlive us: found by descent or by a mark, and ended.

A grandchild whose parent dies becomes ours (we are a subreaper), and we are told when our own
parent dies. Linux only; elsewhere these promises are not made and the functions do nothing.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36
PROC: Final = Path("/proc")
PATIENCE: Final = 3.0  # seconds


def stay_with(parent: int) -> None:
    """Adopt orphaned descendants; be sent SIGTERM when ``parent`` dies; leave if it has."""
    if sys.platform != "linux":
        return
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for option, value in ((PR_SET_CHILD_SUBREAPER, 1), (PR_SET_PDEATHSIG, signal.SIGTERM)):
        if prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        sys.exit("the parent is gone")


def end_descendants() -> None:
    """Kill every process that descends from this one, and wait until none is left.

    For a process whose children nobody in it waits for: it learns how all of them ended.
    """
    _end(_living_descendants)
    _reap()


def end_marked(name: str, value: str) -> None:
    """Kill every process with ``name=value`` in its environment: what a killed run left."""
    if not value:
        return
    mark = f"{name}={value}".encode()
    _end(lambda: [pid for pid in _pids() if pid != os.getpid() and mark in _environment(pid)])


def _living_descendants() -> list[int]:
    _reap()
    return _descendants(os.getpid())


def _end(find: Callable[[], list[int]]) -> None:
    deadline = time.monotonic() + PATIENCE
    while (pids := find()) and time.monotonic() < deadline:
        for pid in pids:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def _descendants(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid in _pids():
        children.setdefault(_parent(pid), []).append(pid)
    found: list[int] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _pids() -> Iterator[int]:
    with suppress(OSError):
        yield from (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _parent(pid: int) -> int:
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])  # the name before it may hold anything


def _environment(pid: int) -> list[bytes]:
    try:
        return (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
