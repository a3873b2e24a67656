"""The state of a whole machine, saved to a file and loaded from it: QEMU's own migration."""

import asyncio
import shlex
import time
from pathlib import Path
from typing import Any, Final

from proxmox_lab.guests.port import GuestFailure
from proxmox_lab.guests.qemu.monitor import Monitor

_LOOK_EVERY: Final = 0.05
_SECONDS: Final = 120.0
_AT_ONCE: Final = 10 << 30  # bytes a second: no network to spare


async def save(monitor: Monitor, path: Path) -> None:
    """Stop the machine and save it; the file is whole or not there."""
    half = path.with_suffix(".new")
    await monitor.execute("stop")
    await monitor.execute("migrate-set-parameters", **{"max-bandwidth": _AT_ONCE})
    await monitor.execute("migrate", uri=f"exec:cat >{shlex.quote(str(half))}")
    await _until(monitor, "query-migrate", {"completed"}, {"failed", "cancelled"})
    half.replace(path)


def loading(path: Path) -> tuple[str, str]:
    """Return what makes a machine that is started begin as the saved one, standing still."""
    return "-incoming", f"exec:cat {shlex.quote(str(path))}"


async def until_loaded(monitor: Monitor) -> None:
    """Wait until the machine is the saved one."""
    await _until(monitor, "query-status", {"paused", "running"}, {"internal-error"})


async def _until(monitor: Monitor, question: str, good: set[str], bad: set[str]) -> None:
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        told: Any = await monitor.execute(question)
        status = told.get("status")
        if status in good:
            return
        if status in bad:
            raise GuestFailure(f"{question}: {told.get('error-desc', status)}")
        await asyncio.sleep(_LOOK_EVERY)
    raise GuestFailure(f"{question}: no end within {_SECONDS:.0f} s")
