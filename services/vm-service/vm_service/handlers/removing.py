"""The steps that remove a machine. What is not proven to be ours is left alone."""

from datetime import timedelta
from typing import Final

from vm_service.domain.ownership import Sighting, Standing, by_hand
from vm_service.domain.trouble import Trouble, Verdict
from vm_service.handlers.home import SETTLING
from vm_service.handlers.job import Change, Job, keeping
from vm_service.handlers.lost_clone import lost_clone
from vm_service.handlers.waiting import has_ended, pause, wait, wait_for_end

LONGEST_DEPLOYMENT: Final = timedelta(hours=2)


async def stop(job: Job) -> Change:
    """Cut the power, after bringing a clone still under way to its end."""
    if job.machine.vmid is None:
        return keeping()
    if not job.machine.owned:
        await _end_clone(job)
    target = await _ours(job)
    if target is not None and not target.template:
        await _stop(job, target)
    return keeping(task=None)


async def destroy(job: Job) -> Change:
    """Remove the VM with all its disks, and see that it is gone."""
    if job.machine.vmid is None:
        return keeping()
    target = await _ours(job)
    if target is None:
        return keeping()
    await _destroy(job, target)
    found, _ = await job.sight()
    if found is not Standing.ABSENT:
        raise Trouble(Verdict.FAULT, f"VM {job.machine.vmid} is still there after its removal")
    return keeping()


async def _end_clone(job: Job) -> None:
    """Stop a clone of ours that still runs; Proxmox then takes its pieces away."""
    task = job.machine.task or await _lost_clone(job)
    if task is None:
        return
    if job.machine.task is None:
        await job.keep_task(task)
    if not await has_ended(job, task):
        await job.tools.hypervisor.abort(task)
    await wait_for_end(job, task)


async def _lost_clone(job: Job) -> str | None:
    """Find a clone whose answer was lost; it may be listed, or even begin, a moment late."""
    if job.machine.spec is None:
        return None
    assert job.machine.since is not None
    since = job.machine.since - LONGEST_DEPLOYMENT
    task = await lost_clone(job, since=since)
    if task is None:
        await pause(job, SETTLING)
        task = await lost_clone(job, since=since)
    return task


async def _ours(job: Job) -> Sighting | None:
    """Return the VM if there is one of ours to remove. Raises if it is, but we may not."""
    found, sighting = await job.sight()
    machine = job.machine
    node, vmid = machine.place
    match found:
        case Standing.OURS:
            return sighting
        case Standing.ABSENT:
            return None
        case Standing.FOREIGN if machine.owned:
            raise Trouble(
                Verdict.REFUSED,
                f"VM {vmid} no longer carries our mark, so it is not touched",
                f"put {job.mark.text!r} back as first line of its notes and delete the server "
                f"again, or remove the VM by hand",
            )
        case Standing.UNPROVEN if machine.owned or machine.task is not None:
            raise Trouble(
                Verdict.REFUSED,
                f"VM {vmid} is a clone that was broken off and is locked; an API token cannot "
                "unlock it",
                by_hand(node, vmid),
            )
        case _:
            return None  # somebody else's: it was never ours


async def _stop(job: Job, target: Sighting) -> None:
    try:
        await wait(job, await job.tools.hypervisor.stop(target.node, job.machine.place[1]))
    except Trouble as trouble:
        if trouble.verdict not in {Verdict.ABSENT, Verdict.NOT_RUNNING}:
            raise


async def _destroy(job: Job, target: Sighting) -> None:
    try:
        await wait(job, await job.tools.hypervisor.destroy(target.node, job.machine.place[1]))
    except Trouble as trouble:
        if trouble.verdict is Verdict.RUNNING:
            await _stop(job, target)  # somebody has started it again
        if trouble.verdict is not Verdict.ABSENT:
            raise
