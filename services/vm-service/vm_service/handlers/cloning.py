"""The step that makes a VM of a template: once, under one id, whatever is interrupted."""

from typing import Final

from vm_service.domain.machine import Machine, begun_anew, sent_back
from vm_service.domain.ownership import Standing, by_hand
from vm_service.domain.trouble import Trouble, Verdict, judge
from vm_service.domain.vm import Order
from vm_service.handlers.addresses import ensure_free_address
from vm_service.handlers.home import SETTLING, home_of
from vm_service.handlers.job import Change, Job, keeping
from vm_service.handlers.lost_clone import lost_clone
from vm_service.handlers.waiting import attend, pause, turn, wait_for_end, warn
from vm_service.ports import Work

CLONE_LIMIT: Final = 1800.0
JUST_NOW: Final = 0.1  # seconds; who had to wait for a turn looks at the record again
OTHERS: Final = "holds a VM that is not ours"
# What a refused clone leaves nothing of, and another template may do better.
UNFIT: Final = frozenset({Verdict.REFUSED, Verdict.DENIED, Verdict.ABSENT, Verdict.FAULT})


class StartOver(Exception):
    """The place that was reserved will not do: reserve again, ``back`` being what changes."""

    def __init__(self, text: str, back: Change) -> None:
        super().__init__(text)
        self.text = text
        self.back = back


async def clone(job: Job) -> Change:
    """Bring about one VM with our mark under the reserved id, whatever became of earlier tries."""
    task = job.machine.task
    # The first try need not look: Proxmox itself refuses an id that is taken.
    if job.machine.attempt > 1:
        found, sighting = await job.sight()
        if task is None and found is Standing.UNPROVEN:
            task = await _lost_task(job)
            found, sighting = await job.sight()
        if found is Standing.OURS and sighting is not None:
            return keeping(owned=True, task=None, node=sighting.node)
        if task is None and found in {Standing.UNPROVEN, Standing.FOREIGN}:
            raise StartOver(f"VM id {job.machine.vmid} {OTHERS}; taking another", _give_up_id)
    if task is not None:
        await _finish(job, task)
    else:
        await _make(job)
    return await _cloned(job)


async def _make(job: Job) -> None:
    """Have the clone made when it is our turn; its task is remembered before it is waited for."""
    home = await home_of(job)
    await ensure_free_address(job)
    async with turn(job, job.tools.clones.of(home)):
        await attend(job, every=JUST_NOW)
        task = await _begin(job, job.order)
        await job.keep_task(task)
        await _finish(job, task)


async def _begin(job: Job, order: Order) -> str:
    try:
        return await job.tools.hypervisor.clone(order)
    except Trouble as trouble:
        _fall_back(job, trouble)
        raise


def _fall_back(job: Job, trouble: Trouble) -> None:
    """Have a plain template serve if it is a baked one that cannot be cloned."""
    home = job.machine.home
    if home is not None and home.baked and trouble.verdict in UNFIT:
        text = f"Template {home.template} cannot be cloned ({trouble.text}); taking a plain one"
        raise StartOver(text, _give_up_template) from trouble


async def _give_up_id(tx: Work, machine: Machine) -> Machine:
    """Never take this VM id again."""
    await tx.machines.burn(machine.place[1], reason=f"it {OTHERS}")
    return sent_back(machine)


async def _give_up_template(_tx: Work, machine: Machine) -> Machine:
    """Reserve again; that a home is known already says that no baked template will do."""
    return begun_anew(machine)


async def _lost_task(job: Job) -> str | None:
    """Find the task that makes this VM, if it is ours; its id never reached us."""
    assert job.machine.since is not None
    await pause(job, SETTLING)
    return await lost_clone(job, since=job.machine.since)


async def _finish(job: Job, task: str) -> None:
    """See the clone task to its end; one that failed is forgotten, unless it left something."""
    state = await wait_for_end(job, task, limit=CLONE_LIMIT, with_progress=True)
    if state.failed is None:
        await warn(job, state)
        return
    trouble = judge(state.failed)
    if trouble.verdict is Verdict.UNKNOWN:
        await _refuse_half_clone(job, trouble)
    await job.keep_task(None)
    _fall_back(job, trouble)
    raise trouble


async def _refuse_half_clone(job: Job, trouble: Trouble) -> None:
    """Give up if the worker died and left a locked VM: no API token can unlock it."""
    found, _ = await job.sight()
    if found is Standing.UNPROVEN:
        node, vmid = job.machine.place
        raise Trouble(
            Verdict.REFUSED,
            f"the clone was broken off ({trouble.text}); VM {vmid} is left half-made and locked",
            by_hand(node, vmid),
        ) from trouble


async def _cloned(job: Job) -> Change:
    found, sighting = await job.sight()
    if found is Standing.OURS and sighting is not None:
        return keeping(owned=True, task=None, node=sighting.node)
    _, vmid = job.machine.place
    if found is Standing.UNPROVEN:
        text = f"the clone has ended, but our token may not see VM {vmid}"
        raise Trouble(Verdict.DENIED, text, "grant VM.Audit on the pool of the servers")
    await job.keep_task(None)
    raise Trouble(Verdict.FAULT, f"the clone has ended, but VM {vmid} is {found}")
