"""The steps around an update: a snapshot before it, and the way back to that.

Each looks, acts, looks again. That the snapshot exists is recorded before anything is done in
the guest: where it is not recorded, there is nothing to take back.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from vm_service.domain.machine import OUR_SNAPSHOTS
from vm_service.domain.trouble import Trouble, Verdict, judge
from vm_service.domain.vm import Snapshot
from vm_service.handlers import living
from vm_service.handlers.job import Change, Job, keeping
from vm_service.handlers.power import see_off, seen, switch_off
from vm_service.handlers.proof import ours
from vm_service.handlers.waiting import wait_for_end, warn

LIMIT: Final = 1800.0  # seconds; some storages copy what they take back


async def take(job: Job) -> Change:
    """Have one complete snapshot of this update, and none of a former one."""
    await _let_end(job)
    await ours(job)
    name = job.machine.snapshot_name
    found = await _ours_of(job)
    for old in found:
        if old.name != name:
            await _through(job, _removal(job, old.name))
    if not any(one.name == name for one in found):
        await _make(job, name)
    await _complete(job, name)
    return keeping(snapshot=name, snapshot_over=False)


async def _make(job: Job, name: str) -> None:
    if not (await seen(job)).running:
        raise Trouble(
            Verdict.REFUSED, "the VM is off", "start the server, see it run, then update it"
        )
    place, note = job.machine.place, job.mark.text
    hypervisor = job.tools.hypervisor
    await _through(job, lambda: hypervisor.snapshot(*place, name=name, description=note))


async def stop(job: Job) -> Change:
    """Cut the power before the VM goes back; what the guest has to write is lost in any case."""
    await _let_end(job)
    await ours(job)
    if not _has_a_way_back(job):
        return keeping()
    if (await seen(job)).running:
        await switch_off(job)
    await see_off(job)
    return living.off


async def roll_back(job: Job) -> Change:
    """Take the VM back to the snapshot; done twice, it is the same."""
    await _let_end(job)
    await ours(job)
    if not _has_a_way_back(job):
        return keeping()
    name = job.machine.snapshot_name
    await _complete(job, name)
    if (await seen(job)).running:
        await switch_off(job)
    place, hypervisor = job.machine.place, job.tools.hypervisor
    await _through(job, lambda: hypervisor.rollback(*place, name=name))
    await ours(job)
    return keeping()


async def release(job: Job) -> Change:
    """Remove the snapshot of this operation, recorded or not; if all are over, former ones too."""
    await _let_end(job)
    await ours(job)
    name, all_over = job.machine.snapshot_name, job.machine.snapshot_over
    for one in await _ours_of(job):
        if all_over or one.name == name:
            await _through(job, _removal(job, one.name))
    if all_over or job.machine.snapshot == name:
        return keeping(snapshot=None, snapshot_over=False)
    return keeping()


def _has_a_way_back(job: Job) -> bool:
    return job.machine.snapshot == job.machine.snapshot_name


async def _ours_of(job: Job) -> Sequence[Snapshot]:
    """List the snapshots that carry our name and the mark of this server."""
    listed = await job.tools.hypervisor.snapshots(*job.machine.place)
    stem = job.mark.stem
    return [
        s for s in listed if s.name.startswith(OUR_SNAPSHOTS) and s.description.startswith(stem)
    ]


async def _complete(job: Job, name: str) -> None:
    """See that the snapshot is there, and whole."""
    found = next((one for one in await _ours_of(job) if one.name == name), None)
    if found is None:
        raise Trouble(
            Verdict.REFUSED,
            f"the snapshot {name} is not there",
            "somebody has removed it: restore a backup, or restart the server as it is",
        )
    if found.state is not None:
        raise Trouble(
            Verdict.BUSY,
            f"the snapshot {name} is not complete ({found.state})",
            "see the VM's tasks in Proxmox; if none works on it: qm delsnapshot --force",
        )


def _removal(job: Job, name: str) -> Callable[[], Awaitable[str]]:
    place, hypervisor = job.machine.place, job.tools.hypervisor
    return lambda: hypervisor.delete_snapshot(*place, name=name)


async def _let_end(job: Job) -> None:
    """Wait for a task of ours that an interruption has left, whatever became of it."""
    if job.machine.task is not None:
        await wait_for_end(job, job.machine.task, limit=LIMIT)
        await job.keep_task(None)


async def _through(job: Job, ask: Callable[[], Awaitable[str]]) -> None:
    """Start a task, remember it, and wait for its good end."""
    task = await ask()
    await job.keep_task(task)
    state = await wait_for_end(job, task, limit=LIMIT, with_progress=True)
    await job.keep_task(None)
    if state.failed is not None:
        raise judge(state.failed)
    await warn(job, state)
