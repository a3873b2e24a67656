"""Power, looked at and brought about: on, off, and off for good."""

from collections.abc import Awaitable, Callable
from typing import Final

from vm_service.domain.program import CHANGES
from vm_service.domain.trouble import Trouble, Verdict, judge
from vm_service.domain.vm import Power, is_of_snapshot
from vm_service.handlers.job import Job
from vm_service.handlers.waiting import (
    GROWTH,
    QUICK_LIMIT,
    Overdue,
    pause,
    see_through,
    wait_for_end,
    warn,
)

FIRST_LOOK: Final = 0.1  # seconds
LONGEST_LOOK: Final = 2.0
CHANGING: Final = 30.0  # seconds after a task's end, within which its effect is seen
WAKING: Final = 5.0  # seconds within which Proxmox switches a VM on again that was rebooted
MARGIN: Final = 30.0  # seconds a task may take beyond the guest's own time

Ask = Callable[[str, int, int], Awaitable[str]]


async def seen(job: Job, *, with_changes: bool = False) -> Power:
    """Return how the VM stands; one that is between the two halves of a reboot is not off."""
    power = await job.tools.hypervisor.power(*job.machine.place, with_changes=with_changes)
    if not power.running and job.machine.rebooting:
        return await _changed(job, running=True, within=WAKING)
    return power


async def switch_on(job: Job) -> None:
    """Have the VM run; that it runs already is as good."""
    try:
        await see_through(job, await job.tools.hypervisor.start(*job.machine.place))
    except Trouble as trouble:
        if trouble.verdict is not Verdict.ALREADY:
            raise
    if not (await _changed(job, running=True, within=CHANGING)).running:
        raise Trouble(Verdict.FAULT, "the VM was started, but does not run")


async def switch_off(job: Job) -> None:
    """Cut the power."""
    try:
        await see_through(job, await job.tools.hypervisor.stop(*job.machine.place))
    except Trouble as trouble:
        if trouble.verdict is not Verdict.NOT_RUNNING:
            raise


async def see_off(job: Job) -> None:
    """See that the VM is off, and stays so even if a reboot of ours was under way."""
    if (await _changed(job, running=False, within=CHANGING)).running:
        raise Trouble(Verdict.RUNNING, "the VM was switched off, but still runs")
    if (await seen(job)).running:
        raise Trouble(Verdict.RUNNING, "the VM came up again: it was being restarted")


async def see_on(job: Job) -> None:
    """See that the VM runs after a reboot; start it if Proxmox does not."""
    if not (await seen(job)).running:
        await switch_on(job)


async def persuade(job: Job, ask: Ask) -> bool:
    """Ask the guest to end what it does, and tell whether it obeyed within its time.

    The time counts from the beginning of the step, whoever went on with it.
    """
    left = int(_time_left(job))
    if job.machine.task is None and left < 1:
        return False
    try:
        if job.machine.task is None:
            await job.keep_task(await ask(*job.machine.place, left))
        await _obeyed(job, limit=max(left, 0) + MARGIN)
    except Trouble as trouble:
        if trouble.verdict is Verdict.DEAF:
            return False
        raise
    return True


async def _obeyed(job: Job, *, limit: float) -> None:
    """Wait for the good end of what was asked of the guest; forget its task in any case."""
    task = job.machine.task
    assert task is not None
    try:
        state = await wait_for_end(job, task, limit=limit)
    except Overdue as overdue:
        await job.tools.hypervisor.abort(task)
        await job.keep_task(None)
        raise Trouble(Verdict.DEAF, overdue.text) from overdue
    await job.keep_task(None)
    if state.failed is not None:
        raise judge(state.failed)
    await warn(job, state)


def _time_left(job: Job) -> float:
    """Return how many more seconds the guest has: half of those a change has, at most."""
    left = job.tools.grace - job.age().total_seconds()
    if job.machine.deadline is not None and job.machine.kind in CHANGES:
        left = min(left, (job.machine.deadline - job.tools.now()).total_seconds() / 2)
    return left


async def end_leftover(job: Job) -> None:
    """Stop a task of the work we took over from: it holds the VM's lock, or changes its power.

    One of a snapshot is let run to its end: broken off, it leaves a lock that no token can lift.
    """
    task = job.machine.leftover
    if task is None:
        return
    try:
        if not is_of_snapshot(task) and (await job.tools.hypervisor.task(task)).running:
            await job.tools.hypervisor.abort(task)
        await wait_for_end(job, task, limit=QUICK_LIMIT)
    except Trouble as trouble:
        if trouble.verdict in {Verdict.UNKNOWN, Verdict.BUSY} and not trouble.is_of_a_lost_task:
            raise
        # One that cannot be stopped ends by itself; the next step meets its lock, and waits.
    await job.note(leftover=None)


async def _changed(job: Job, *, running: bool, within: float) -> Power:
    """Return how the VM stands as soon as it is as wished, or at the end of the time."""
    until, delay = job.tools.clock() + within, FIRST_LOOK
    while True:
        power = await job.tools.hypervisor.power(*job.machine.place)
        if power.running is running or job.tools.clock() >= until:
            return power
        await pause(job, delay)
        delay = min(delay * GROWTH, LONGEST_LOOK)
