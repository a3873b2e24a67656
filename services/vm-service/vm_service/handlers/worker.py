"""The long work: one machine, step by step, until it is settled.

Each step is recorded before the next begins, and may be repeated unharmed, so that a crash at
any line is healed by whoever takes up the machine next.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from vm_service.domain.patience import DOWNWARDS, OBSERVING, UPWARDS, Limit, Patience
from vm_service.domain.program import CHANGES, Kind
from vm_service.domain.telling import Entry, begin, go_on
from vm_service.domain.trouble import Trouble, Verdict
from vm_service.handlers import baking, bringing_up, cloning, living, removing, shaping, snapshots
from vm_service.handlers.cloning import StartOver
from vm_service.handlers.job import Change, Job, Overtaken, keeping
from vm_service.handlers.power import end_leftover
from vm_service.handlers.tools import Tools
from vm_service.handlers.waiting import TimeUp, attend, pause
from vm_service.ports import UnitOfWork

log = logging.getLogger(__name__)

Action = Callable[[Job], Awaitable[Change]]

ACTIONS: Final[Mapping[str, Action]] = {
    "reserve": bringing_up.reserve,
    "clone": cloning.clone,
    "configure": shaping.configure,
    "resize": shaping.resize,
    "start": living.start,
    "address": bringing_up.address,
    "shutdown": living.shutdown,
    "reboot": living.reboot,
    "stop": living.stop,
    "snapshot": snapshots.take,
    "rollback": snapshots.roll_back,
    "release": snapshots.release,
    "convert": baking.convert,
    "observe": living.observe,
}
# What is removed may never have been ours, so these look with other eyes.
REMOVING: Final[Mapping[str, Action]] = {"stop": removing.stop, "destroy": removing.destroy}
OF_KIND: Final[Mapping[Kind, Mapping[str, Action]]] = {
    Kind.REMOVE: REMOVING,
    Kind.ROLLBACK: {**ACTIONS, "stop": snapshots.stop},
}

PATIENCE: Final[Mapping[Kind, Mapping[Verdict, Limit]]] = {
    **dict.fromkeys(Kind, UPWARDS),
    Kind.REMOVE: DOWNWARDS,
    Kind.OBSERVE: OBSERVING,
}

SELDOM: Final = 8  # the same trouble is told again every so many attempts


async def work_on_machine(server_id: str, *, work: UnitOfWork, tools: Tools) -> None:
    """Take step after step until nothing is left to do."""
    while (job := await _open(server_id, work=work, tools=tools)) is not None:
        try:
            while not job.machine.is_settled:
                await _take_step(job)
        except Overtaken:
            continue
        return  # turned to something else by now, it is found due again when the lease is back


async def _open(server_id: str, *, work: UnitOfWork, tools: Tools) -> Job | None:
    """Begin, or take up again, what comes next; nothing if the machine is settled."""
    async with work() as tx:
        entry = Entry(await tx.machines.get(server_id))
        if entry.machine.is_settled:
            return None
        if entry.machine.attempt == 0:
            begin(entry, at=tools.now())
        else:
            go_on(entry)
        await tx.machines.save(entry.machine)
        await tx.outbox.add(*entry.messages())
    return Job(machine=entry.machine, work=work, tools=tools, attended=tools.clock())


async def _take_step(job: Job) -> None:
    """Do the step, as often as patience allows; record how it ended."""
    patience = Patience(limits=PATIENCE[job.machine.kind])
    last: Trouble | None = None
    delay = 0.0
    while True:
        try:
            await pause(job, delay)
            await attend(job)
            await job.succeed(await _act(job))
        except StartOver as again:
            await job.start_over(again.text, again.back)
        except Trouble as trouble:
            wait = patience.pause_after(trouble.verdict, now=job.tools.clock())
            if wait is None:
                await _give_up(job, last if last and isinstance(trouble, TimeUp) else trouble)
                return
            aloud = last is None or trouble.text != last.text or job.machine.attempt % SELDOM == 0
            await job.retry(trouble, pause=wait, aloud=aloud)
            last, delay = trouble, wait
            continue
        return


async def _act(job: Job) -> Change:
    await end_leftover(job)
    return await OF_KIND.get(job.machine.kind, ACTIONS)[job.step](job)


async def _give_up(job: Job, trouble: Trouble) -> None:
    """Record that it goes no further. That nothing could be seen is an observation, too."""
    if job.machine.kind is Kind.OBSERVE:
        await job.succeed(keeping(power="unknown"))
    elif job.machine.kind is Kind.RELEASE:
        log.warning(
            "a snapshot stays", extra={"server": job.machine.server_id, "why": trouble.text}
        )
        await job.succeed(keeping())  # the next operation with the game up removes it
    elif job.machine.kind in CHANGES:
        await job.fail(trouble, power=await living.last_look(job))
    else:
        await job.fail(trouble, power=job.machine.power)
