"""How a job waits: for time to pass, for a task, for its turn; never through a change of plan."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from vm_service.domain.trouble import Trouble, Verdict, judge
from vm_service.domain.vm import TaskState
from vm_service.handlers.job import Job

T = TypeVar("T")

ATTENTION: Final = 1.0  # seconds between two looks at the record
GROWTH: Final = 1.2  # of pauses between questions to a guest: a silent one costs a worker 3 s
TASK_LIMIT: Final = 600.0
QUICK_LIMIT: Final = 45.0  # of one that only switches; Proxmox gives a start 30 seconds
LISTED: Final = 10.0  # seconds after which every task is known to Proxmox
QUICK: Final = 2.0  # seconds within which nobody asks for progress
NEWS: Final = 0.05  # progress worth telling


class Overdue(Trouble):
    """A task takes longer than it may; it still runs."""


class TimeUp(Trouble):
    """The operation has used up its time."""


async def attend(job: Job, *, every: float = ATTENTION) -> None:
    """Raise ``Overtaken`` if the record has moved on; looks once in so many seconds at most.

    Raises ``TimeUp`` if the operation may take no longer.
    """
    now = job.tools.clock()
    if now - job.attended >= every:
        job.attended = now
        await job.check()
    if job.is_late:
        raise TimeUp(Verdict.REFUSED, "the time for the operation is up")


async def pause(job: Job, seconds: float) -> None:
    """Sleep, watching the record."""
    until = job.tools.clock() + seconds
    while (left := until - job.tools.clock()) > 0:
        await job.tools.sleep(min(left, ATTENTION))
        await attend(job)


async def heeding(job: Job, answer: Awaitable[T]) -> T:
    """Return an answer that may be long in coming, watching the record meanwhile."""
    awaited = asyncio.ensure_future(answer)
    try:
        while not awaited.done():
            await asyncio.wait({awaited}, timeout=ATTENTION)
            if not awaited.done():
                await attend(job)
        return awaited.result()
    finally:
        awaited.cancel()


async def wait_for_end(
    job: Job, upid: str, *, limit: float = TASK_LIMIT, with_progress: bool = False
) -> TaskState:
    """Wait until a task has ended, well or badly."""
    started, told = job.tools.clock(), 0.0
    while True:
        age = job.tools.clock() - started
        curious = with_progress and age > QUICK
        state = await _state(job, upid, with_progress=curious, patient=age < LISTED)
        if not state.running:
            job.tools.pace.ended(upid, age=age)
            return state
        if age > limit:
            raise Overdue(Verdict.REFUSED, f"the task did not end within {limit:.0f} s: {upid}")
        if state.progress is not None and state.progress >= told + NEWS:
            told = state.progress
            await job.progress(told)
        await pause(job, job.tools.pace.pause(upid, age=age))


async def has_ended(job: Job, upid: str) -> bool:
    """Tell whether a task has ended; one that Proxmox has forgotten has."""
    return not (await _state(job, upid, with_progress=False, patient=False)).running


async def _state(job: Job, upid: str, *, with_progress: bool, patient: bool) -> TaskState:
    try:
        return await job.tools.hypervisor.task(upid, with_progress=with_progress)
    except Trouble as trouble:
        if not trouble.is_of_a_lost_task:
            raise
        # A task may be listed late; one that is never listed has left no trace.
        return TaskState(running=patient, failed=None if patient else trouble.text)


async def wait(job: Job, upid: str) -> None:
    """Wait for the good end of a task. A bad one is the ``Trouble`` that its text means."""
    await _judge(job, await wait_for_end(job, upid))


async def see_through(job: Job, upid: str) -> None:
    """Wait for the good end of a quick task, also if we are overtaken meanwhile.

    Whoever comes next would otherwise look at a power that is about to change.
    """
    started, pace = job.tools.clock(), job.tools.pace
    while (age := job.tools.clock() - started) < QUICK_LIMIT:
        state = await _state(job, upid, with_progress=False, patient=True)
        if not state.running:
            pace.ended(upid, age=age)
            return await _judge(job, state)
        await job.tools.sleep(min(pace.pause(upid, age=age), ATTENTION))
    return await wait(job, upid)


async def _judge(job: Job, state: TaskState) -> None:
    if state.failed is not None:
        raise judge(state.failed)
    await warn(job, state)


async def warn(job: Job, state: TaskState) -> None:
    """Pass on the warnings of a task that ended well."""
    if state.warnings:
        await job.remark(*state.warnings)


@asynccontextmanager
async def turn(job: Job, turns: asyncio.Semaphore) -> AsyncGenerator[None]:
    """Wait in line for one of a few places, and hold it for the block."""
    waiter = asyncio.ensure_future(turns.acquire())
    try:
        while not waiter.done():
            await asyncio.wait({waiter}, timeout=ATTENTION)
            await attend(job)
        yield
    finally:
        if not waiter.cancel():
            turns.release()
