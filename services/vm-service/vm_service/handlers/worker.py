"""The long work: one machine, step by step, until it is settled.

Each step is recorded before the next begins, and may be repeated unharmed, so that a crash at
any line is healed by whoever takes up the machine next.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from vm_service.domain.machine import BEING_REMOVED, Stage
from vm_service.domain.patience import DOWNWARDS, UPWARDS, Patience
from vm_service.domain.telling import Entry, begin, go_on
from vm_service.domain.trouble import Trouble
from vm_service.handlers import bringing_up, removing
from vm_service.handlers.bringing_up import NotOurs
from vm_service.handlers.job import Change, Job, Overtaken, Tools
from vm_service.handlers.waiting import pause
from vm_service.ports import UnitOfWork

ACTIONS: Final[Mapping[Stage, Callable[[Job], Awaitable[Change]]]] = {
    Stage.PLANNED: bringing_up.reserve,
    Stage.RESERVED: bringing_up.clone,
    Stage.CLONED: bringing_up.configure,
    Stage.CONFIGURED: bringing_up.resize,
    Stage.RESIZED: bringing_up.start,
    Stage.STARTED: bringing_up.address,
    Stage.REMOVING: removing.stop,
    Stage.STOPPED: removing.destroy,
}

SELDOM: Final = 8  # the same trouble is told again every so many attempts


async def work_on_machine(server_id: str, *, work: UnitOfWork, tools: Tools) -> None:
    """Take step after step until nothing is left to do."""
    while (job := await _open(server_id, work=work, tools=tools)) is not None:
        try:
            while job.machine.step is not None:
                await _take_step(job)
        except Overtaken:
            continue


async def _open(server_id: str, *, work: UnitOfWork, tools: Tools) -> Job | None:
    """Begin, or take up again, what comes next; nothing if the machine is settled."""
    async with work() as tx:
        entry = Entry(await tx.machines.get(server_id))
        if entry.machine.step is None:
            return None
        if entry.machine.attempt == 0:
            begin(entry, at=tools.now())
        else:
            go_on(entry)
        await tx.machines.save(entry.machine)
        await tx.outbox.add(*entry.messages())
    return Job(machine=entry.machine, work=work, tools=tools)


async def _take_step(job: Job) -> None:
    """Do the step, as often as patience allows; record how it ended."""
    stage = job.machine.stage
    patience = Patience(limits=DOWNWARDS if stage in BEING_REMOVED else UPWARDS)
    last = ""
    while True:
        try:
            change = await ACTIONS[stage](job)
            await job.succeed(change)
        except NotOurs:
            await job.start_over(why="it holds a VM that is not ours")
        except Trouble as trouble:
            delay = patience.pause_after(trouble.verdict, now=job.tools.clock())
            if delay is not None:
                aloud = trouble.text != last or job.machine.attempt % SELDOM == 0
                await job.retry(trouble, pause=delay, aloud=aloud)
                last = trouble.text
                await pause(job, delay)
                continue
            await job.fail(trouble)
        return
