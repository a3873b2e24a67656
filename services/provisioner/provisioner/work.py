"""Bring a run on, step by step, until it is settled, cancelled or out of time.

The end of a step is recorded together with the beginning of the next; in between it may be cut
off at any line, and whoever takes the run up next begins the same step anew. Transactions are
fenced by the worker's lease: who has lost it can record nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from common.contracts import events as evt
from common.contracts.base import Message, now
from provisioner.domain.errors import StepFailed
from provisioner.domain.run import Run, Stage
from provisioner.ports import Tools, UnitOfWork
from provisioner.steps import STEPS
from provisioner.task import Task
from provisioner.telling import failed, how_it_begins, how_it_ended, on_its_way

log = logging.getLogger(__name__)

WATCH: Final = 1.0  # seconds between two looks at whether the run is still wanted
MOST_ATTEMPTS: Final = 10
STEP_LIMIT: Final = timedelta(minutes=30)
REMEDY: Final = "Deploy again; if it happens again, read the operation's log to its end."


class Unwanted(Exception):
    """The run was cancelled or overtaken while its step went on."""


async def work_on(
    server_id: str, *, work: UnitOfWork, tools: Tools, clock: Callable[[], datetime] = now
) -> None:
    """Take the run of this server from where it stands to its end."""
    run = await _begin(server_id, work=work)
    while run is not None and run.vm is not None and not run.is_settled:
        try:
            after = await _take_step(run, run.vm, work=work, tools=tools, clock=clock)
        except Unwanted:
            # Not into the operation's log: that may have had its last line by now.
            log.info("run stopped", extra={"server": server_id, "operation": run.operation_id})
            run = await _begin(server_id, work=work)
        else:
            run = await _record(run, after, work=work) or await _begin(server_id, work=work)


async def _begin(server_id: str, *, work: UnitOfWork) -> Run | None:
    """Record that the step which is due begins; None if nothing is due."""
    async with work() as tx:
        found = await tx.runs.find(server_id)
        if found is None or found.is_settled:
            return None
        run, messages = _begun(found)
        await tx.runs.save(run)
        await tx.outbox.add(*messages)
    return run


def _begun(found: Run) -> tuple[Run, list[Message]]:
    """Return the run with the step begun that is due, if one is, and what is said of that."""
    if found.is_settled:
        return found, []
    run = found.begun()
    if run.attempt <= MOST_ATTEMPTS:
        return run, how_it_begins(run)
    why = f"step {run.step} was cut off {MOST_ATTEMPTS} times"
    broken = run.settled(failed(run, StepFailed(why, remedy=REMEDY)))
    return broken, how_it_ended(run, broken)


async def _take_step(
    run: Run, vm: evt.VMReady, *, work: UnitOfWork, tools: Tools, clock: Callable[[], datetime]
) -> Run:
    """Return the run as the step leaves it, failed if the step failed or took too long."""
    left = time_left(run, vm, at=clock())

    async def report(progress: float, detail: str) -> None:
        # A database that is away must not end a playbook for the sake of its progress.
        with suppress(ConnectionError):
            async with work() as tx:
                await tx.outbox.add(on_its_way(run, progress, detail))

    async with work() as tx:
        key = await tx.keys.find(run.server_id)
    task = Task(run=run, vm=vm, tools=tools, report=report, key=key)
    try:
        async with asyncio.timeout(max(0.0, left.total_seconds())):
            return await _while_wanted(task, work=work)
    except StepFailed as failure:
        return run.settled(failed(run, failure, timings=task.trace.timings))
    except TimeoutError:
        return run.settled(failed(run, _late(task), timings=task.trace.timings))


def time_left(run: Run, vm: evt.VMReady, *, at: datetime) -> timedelta:
    """Return how long the step may take: a playbook that shows signs of life, all there is."""
    left = vm.deadline - at
    return left if run.stage is Stage.PLAYING else min(STEP_LIMIT, left)


def _late(task: Task) -> StepFailed:
    trace = task.trace
    at = f": it was at task {trace.doing!r}" if trace.doing else ""
    why = f"step {task.run.step} was not done in time{at}"
    return StepFailed(why, remedy=REMEDY, last_lines=tuple(trace.last))


async def _while_wanted(task: Task, *, work: UnitOfWork) -> Run:
    """Take the step, but let go of it as soon as the run is not wanted any more."""
    doing = asyncio.ensure_future(STEPS[task.run.stage](task))
    try:
        while True:
            done, _ = await asyncio.wait({doing}, timeout=WATCH)
            if done:
                return doing.result()
            if not await _is_wanted(task.run, work=work):
                raise Unwanted
    finally:
        doing.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await doing


async def _is_wanted(run: Run, *, work: UnitOfWork) -> bool:
    try:
        async with work() as tx:
            current = await tx.runs.find(run.server_id)
    except ConnectionError:
        return True  # the database is away; how long we may go on, the lease tells
    return current is not None and current.same_work_as(run)


async def _record(before: Run, after: Run, *, work: UnitOfWork) -> Run | None:
    """Record the end of the step together with the beginning of the next, and return that.

    None if the run was cancelled or overtaken meanwhile: then nothing is recorded. A database
    that is away is waited for while the lease lasts: the step is not taken twice.
    """
    while True:
        try:
            async with work() as tx:
                current = await tx.runs.find(before.server_id)
                if current is None or not current.same_work_as(before):
                    return None
                run, messages = _begun(after)
                await tx.runs.save(run)
                await tx.outbox.add(*how_it_ended(before, after), *messages)
        except ConnectionError:
            await asyncio.sleep(WATCH)
        else:
            return run
