"""Commands run by guest agents, from their start until somebody took the result."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

from proxmox_lab.guests.port import ExecResult, Guest, GuestFailure

_GRACE = 0.05  # a missing program shows at once


class Executions:
    """Running and finished commands by machine and pid."""

    def __init__(self) -> None:
        self._pids = itertools.count(700)
        self._running: dict[tuple[int, int], asyncio.Task[ExecResult]] = {}

    async def start(self, vmid: int, guest: Guest, command: Sequence[str], stdin: bytes) -> int:
        """Start a command and return its pid; raises what the guest says at once."""
        run = asyncio.ensure_future(guest.agent_exec(command, stdin))
        await asyncio.wait([run], timeout=_GRACE)
        if run.done() and run.exception():
            raise GuestFailure(str(run.exception()))
        pid = next(self._pids)
        self._running[vmid, pid] = run
        return pid

    def take(self, vmid: int, pid: int) -> dict[str, Any] | None:
        """Return the state of a command; a finished one is forgotten by that."""
        run = self._running.get((vmid, pid))
        if run is None:
            return None
        if not run.done():
            return {"exited": 0}
        del self._running[vmid, pid]
        if run.exception():
            return {"exited": 1, "exitcode": 127, "err-data": str(run.exception())}
        return _shown(run.result())

    async def ended(self) -> None:
        """Wait until no command runs."""
        if self._running:
            await asyncio.wait(self._running.values())

    async def close(self) -> None:
        """Stop waiting for whatever still runs."""
        for run in self._running.values():
            run.cancel()


def _shown(result: ExecResult) -> dict[str, Any]:
    shown: dict[str, Any] = {"exited": 1, "exitcode": result.exit_code}
    for key, data in (("out-data", result.out), ("err-data", result.err)):
        if data:
            shown[key] = data.decode("utf-8", "replace")
            shown[key.replace("data", "truncated")] = 0
    return shown
