"""One task: what it is, what it says while it works, how it ended."""

import asyncio
import time
from dataclasses import dataclass, field

from pydantic import BaseModel

from proxmox_lab.clock import Clock
from proxmox_lab.refusal import WorkerDied
from proxmox_lab.tasks.upid import Upid


class TaskRecord(BaseModel):
    """A finished task as it is kept on disk."""

    upid: str
    lines: list[str]
    exitstatus: str
    endtime: int
    seconds: float = 0.0
    machine: int | None = None


@dataclass(slots=True, kw_only=True)
class Task:
    """A task, running or finished. ``machine`` is the one it works on (a clone's new one)."""

    upid: Upid
    clock: Clock
    machine: int | None = None
    lines: list[str] = field(default_factory=list[str])
    warnings: int = 0
    exitstatus: str | None = None
    endtime: int | None = None
    seconds: float = 0.0
    is_doomed: bool = False  # its worker is killed at the first opportunity
    lives_longer: bool = False  # only once the work takes time
    began: float = field(default_factory=time.monotonic)
    work: "asyncio.Task[None] | None" = None

    @property
    def is_running(self) -> bool:
        return self.exitstatus is None

    def say(self, line: str) -> None:
        """Write a line into the task's log."""
        self.lines.append(line)

    def warn(self, line: str) -> None:
        """Write a warning; the task will end with WARNINGS."""
        self.warnings += 1
        self.say(f"WARN: {line}")

    async def spend(self, seconds: float) -> None:
        """Take as long as Proxmox would."""
        self.lives_longer = False
        self.die_if_doomed()
        await self.clock.sleep(seconds)
        self.die_if_doomed()

    def die_if_doomed(self) -> None:
        """End on the spot if somebody has killed the worker."""
        if self.is_doomed and not self.lives_longer:
            raise WorkerDied

    def end(self, exitstatus: str, *, last_line: str | None, now: float) -> None:
        """Note how it ended; newlines become spaces, as in Proxmox's index."""
        if last_line is not None:
            self.say(last_line)
        self.exitstatus = exitstatus.strip().replace("\n", " ")
        self.endtime = int(now)
        self.seconds = time.monotonic() - self.began

    def record(self) -> TaskRecord:
        """Return what is kept of a finished task."""
        return TaskRecord(
            upid=str(self.upid),
            lines=self.lines,
            exitstatus=self.exitstatus or "",
            endtime=self.endtime or 0,
            seconds=self.seconds,
            machine=self.machine,
        )
