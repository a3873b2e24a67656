"""All tasks of all nodes: started here, run in the background, remembered when over."""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

from proxmox_lab.clock import Clock
from proxmox_lab.doing import at_work
from proxmox_lab.guests.port import GuestFailure
from proxmox_lab.refusal import Refusal, TaskAborted, WorkerDied
from proxmox_lab.site.journal import Journal
from proxmox_lab.site.nodes import FIRST
from proxmox_lab.tasks.task import Task, TaskRecord
from proxmox_lab.tasks.upid import Upid, parse

Work = Callable[[Task], Awaitable[None]]
Trouble = Callable[[Task], Awaitable[None]]

Watch = Callable[[Task], None]

log = logging.getLogger(__name__)
KEPT: Final = 5000
WORTH_SWEEPING: Final = 32 << 20  # bytes of journal
INTERRUPTED: Final = "unexpected status"


class Tasks:
    """Starts, finds and stops tasks. ``trouble`` comes before each one's work, and may fail it."""

    def __init__(
        self, *, file: Path, clock: Clock, trouble: Trouble, watch: Watch = lambda _: None
    ) -> None:
        self._notes = Journal(file)
        self._clock = clock
        self._trouble = trouble
        self._watch = watch
        self._tasks: dict[str, Task] = {}
        self._asides: set[asyncio.Task[None]] = set()
        self._pids = itertools.count(1001)
        self._restore()

    def start(
        self,
        kind: str,
        id: str,
        owner: str,
        work: Work,
        *,
        machine: int | None = None,
        node: str = FIRST,
    ) -> str:
        """Run ``work`` in the background and return its UPID."""
        pid, now = next(self._pids), self._clock.now()
        upid = Upid(
            node=node,
            pid=pid,
            pstart=int(now * 100) & 0xFFFFFFFF,
            starttime=int(now),
            type=kind,
            id=id,
            owner=owner,
        )
        task = Task(upid=upid, clock=self._clock, machine=machine)
        self._forget_oldest()
        self._tasks[str(upid)] = task
        self._note(TaskRecord(upid=str(upid), lines=[], exitstatus="", endtime=0, machine=machine))
        self._watch(task)
        task.work = asyncio.create_task(self._run(task, work), name=str(upid))
        return str(upid)

    def aside(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run something that is no task, as the node's own daemons do."""

        async def run() -> None:
            try:
                await work()
            except (Refusal, GuestFailure) as refused:
                log.warning("%s failed: %s", name, refused)

        job = asyncio.create_task(run(), name=name)
        self._asides.add(job)
        job.add_done_callback(self._asides.discard)

    def find(self, upid: str) -> Task | None:
        """Return the task of that name, if it is known."""
        return self._tasks.get(upid)

    def newest_first(self) -> Iterator[Task]:
        """Walk over all tasks, the newest first."""
        return iter(reversed(self._tasks.values()))

    async def stop(self, task: Task) -> None:
        """Stop a task and wait for its end; a finished one is left as it is."""
        if task.work is not None and task.is_running:
            task.work.cancel()
            await asyncio.wait([task.work])
        if task.work is not None and task.is_running:  # it had not even begun
            self._end(task, INTERRUPTED, None)

    async def kill(self, task: Task) -> None:
        """Kill a task's worker: what it has half done stays so."""
        task.is_doomed = True
        await self.stop(task)

    async def close(self) -> None:
        """Stop every running task, as a shutdown of the node does."""
        running = [task.work for task in self._tasks.values() if task.work and task.is_running]
        running += self._asides
        for work in running:
            work.cancel()
        if running:
            await asyncio.wait(running)
        self._notes.close()

    async def _run(self, task: Task, work: Work) -> None:
        failure: str | None = None
        try:
            at_work(task.upid.owner, upid=str(task.upid))
            await self._trouble(task)
            await work(task)
            task.lives_longer = False
            task.die_if_doomed()
        except (Refusal, GuestFailure) as refused:
            failure = refused.text if isinstance(refused, Refusal) else str(refused)
        except WorkerDied:
            self._end(task, INTERRUPTED, None)
            return
        except (asyncio.CancelledError, TaskAborted):
            self._end(task, INTERRUPTED, None if task.is_doomed else "received interrupt")
            return
        except Exception:
            log.exception("task failed", extra={"upid": str(task.upid)})
            failure = "internal error of the lab"
        self._conclude(task, failure)

    def _conclude(self, task: Task, failure: str | None) -> None:
        if failure is not None:
            self._end(task, failure, f"TASK ERROR: {failure.strip()}")
        elif task.warnings:
            verdict = f"WARNINGS: {task.warnings}"
            self._end(task, verdict, f"TASK {verdict}")
        else:
            self._end(task, "OK", "TASK OK")

    def _end(self, task: Task, exitstatus: str, line: str | None) -> None:
        task.end(exitstatus, last_line=line, now=self._clock.now())
        self._note(task.record())
        self._watch(task)

    def _note(self, record: TaskRecord) -> None:
        self._notes.append(record.model_dump_json())

    def _forget_oldest(self) -> None:
        """Half of what is kept goes at once, when there is twice as much; none that still runs."""
        if len(self._tasks) >= 2 * KEPT:
            old = [name for name, task in self._tasks.items() if not task.is_running]
            for name in old[:KEPT]:
                del self._tasks[name]
        if self._notes.appended > WORTH_SWEEPING:
            self._notes.sweep(task.record().model_dump_json() for task in self._tasks.values())

    def _restore(self) -> None:
        records: dict[str, TaskRecord] = {}
        for line in self._notes.lines():
            with contextlib.suppress(ValueError):  # a line cut short by a crash
                record = TaskRecord.model_validate_json(line)
                records[record.upid] = record
        kept = list(records.values())[-KEPT:]
        for record in kept:
            self._tasks[record.upid] = self._revived(record)
        self._notes.sweep(record.model_dump_json() for record in kept)

    def _revived(self, record: TaskRecord) -> Task:
        return Task(
            upid=parse(record.upid),
            clock=self._clock,
            machine=record.machine,
            lines=record.lines,
            exitstatus=record.exitstatus or INTERRUPTED,
            endtime=record.endtime or int(self._clock.now()),
            seconds=record.seconds,
        )
