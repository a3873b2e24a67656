"""Bring a run on, step by step, until it is settled, cancelled or out of time.

Each step is recorded when it begins and when it ends; in between it may be cut off at any
line, and whoever takes the run up next begins the same step anew. Transactions are fenced by
the worker's lease: who has lost it can record nothing.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from common.contracts import events as evt
from common.contracts.base import Message, now
from common.contracts.logs import Level, LogBatch, LogLine
from provisioner.domain.errors import StepFailed
from provisioner.domain.play import latest, plain
from provisioner.domain.run import Run, Stage
from provisioner.ports import Tools, UnitOfWork
from provisioner.steps import STEPS, WRITER, Task

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
    while run := await _begin(server_id, work=work):
        if run.vm is None or run.is_settled:
            return
        try:
            after = await _take_step(run, run.vm, work=work, tools=tools, clock=clock)
        except Unwanted:
            line = _line(run, "stopped", "stopped: the server is not wanted any more")
            tools.log.write(
                line, stream_id=run.operation_id, server_id=run.server_id, writer=WRITER
            )
        else:
            await _record(run, after, work=work)


async def _begin(server_id: str, *, work: UnitOfWork) -> Run | None:
    """Record that the step which is due begins; None if nothing is due."""
    async with work() as tx:
        found = await tx.runs.find(server_id)
        if found is None or found.is_settled:
            return None
        run = found.begun()
        if run.attempt > MOST_ATTEMPTS:
            why = f"step {run.step} was cut off {MOST_ATTEMPTS} times"
            broken = run.settled(_failed(run, StepFailed(why, remedy=REMEDY)))
            run, messages = broken, _news(run, broken)
        else:
            again = f" (attempt {run.attempt})" if run.attempt > 1 else ""
            messages = [
                _step(run, state="running", progress=0),
                _batch(run, _line(run, "begun", f"{_BEGINS[run.stage]}{again}")),
            ]
        await tx.runs.save(run)
        await tx.outbox.add(*messages)
    return run


_BEGINS: Final = {
    Stage.CONNECTING: "waiting for the guest to answer over SSH",
    Stage.PLAYING: "installing the game",
    Stage.CHECKING: "waiting for the game to answer",
}


async def _take_step(
    run: Run, vm: evt.VMReady, *, work: UnitOfWork, tools: Tools, clock: Callable[[], datetime]
) -> Run:
    """Return the run as the step leaves it, failed if the step failed or took too long."""
    left = min(STEP_LIMIT, vm.deadline - clock())

    async def report(progress: float, detail: str) -> None:
        # A database that is away must not end a playbook for the sake of its progress.
        with suppress(ConnectionError):
            async with work() as tx:
                await tx.outbox.add(_step(run, state="running", progress=progress, detail=detail))

    task = Task(run=run, vm=vm, tools=tools, report=report)
    try:
        async with asyncio.timeout(max(0.0, left.total_seconds())):
            return await _while_wanted(task, work=work)
    except StepFailed as failure:
        return run.settled(_failed(run, failure))
    except TimeoutError:
        late = StepFailed(f"step {run.step} was not done in time", remedy=REMEDY)
        return run.settled(_failed(run, late))


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


async def _record(before: Run, after: Run, *, work: UnitOfWork) -> None:
    """Record how the step ended, unless the run was cancelled or overtaken meanwhile.

    A database that is away is waited for while the lease lasts: the step is not taken twice.
    """
    while True:
        try:
            async with work() as tx:
                current = await tx.runs.find(before.server_id)
                if current is not None and current.same_work_as(before):
                    await tx.runs.save(after)
                    await tx.outbox.add(*_news(before, after))
                return
        except ConnectionError:
            await asyncio.sleep(WATCH)


def _news(before: Run, after: Run) -> list[Message]:
    """Return what is said about a step that has ended."""
    match after.outcome:
        case evt.ServerFailed() as failed:
            ended = _step(before, state="failed", detail=failed.reason)
            line = _line(before, "failed", f"failed: {failed.reason}", level="error")
        case _:
            ended = _step(before, state="succeeded", progress=1)
            line = _line(before, "succeeded", _ENDS[before.stage])
    messages: list[Message] = [ended, _batch(before, line)]
    if after.outcome is not None:
        messages.append(after.outcome)
    return messages


_ENDS: Final = {
    Stage.CONNECTING: "logged in to the guest",
    Stage.PLAYING: "the game is installed",
    Stage.CHECKING: "the game answers",
}


def _failed(run: Run, failure: StepFailed) -> evt.ServerFailed:
    return evt.ServerFailed(
        server_id=run.server_id,
        operation_id=run.operation_id,
        step=run.step,
        reason=plain(failure.reason),
        remedy=failure.remedy,
        last_lines=latest(failure.last_lines),
    )


def _step(
    run: Run, *, state: str, progress: float | None = None, detail: str | None = None
) -> evt.StepChanged:
    return evt.StepChanged.model_validate(
        {
            "server_id": run.server_id,
            "operation_id": run.operation_id,
            "step": run.step,
            "state": state,
            "attempt": run.attempt,
            "progress": progress,
            "detail": detail,
        }
    )


def _line(run: Run, key: str, text: str, *, level: Level = "info") -> LogLine:
    key = f"{run.step}:{run.attempt}:{key}"
    return LogLine(key=key, level=level, step=run.step, text=plain(text))


def _batch(run: Run, *lines: LogLine) -> LogBatch:
    return LogBatch(stream_id=run.operation_id, server_id=run.server_id, writer=WRITER, lines=lines)
