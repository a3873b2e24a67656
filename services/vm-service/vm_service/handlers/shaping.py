"""The steps that give a VM its shape. Each proves it ours, acts, looks again."""

from dataclasses import replace

from vm_service.domain.ownership import Sighting
from vm_service.domain.placement import GIB
from vm_service.domain.program import Kind
from vm_service.domain.vm import Order
from vm_service.handlers.job import Change, Job, keeping
from vm_service.handlers.power import seen
from vm_service.handlers.proof import ours
from vm_service.handlers.waiting import heeding, wait


async def configure(job: Job) -> Change:
    """Set everything the plan says, all at once; of a machine that lives, see how it stands."""
    sighting = await ours(job)
    order = replace(job.order, ssh_key=await _key(job))
    upid = await job.tools.hypervisor.configure(order, sighting)
    if upid is not None:
        await wait(job, upid)
    if job.machine.kind is Kind.DEPLOY:
        return keeping()
    power = await seen(job)
    return keeping(power="running" if power.running else "stopped")


async def _key(job: Job) -> str | None:
    """Return the server's own key. One that lives without is not given one: it would not learn it.

    Cloud-init writes keys into a guest at its first boot only.
    """
    if job.tools.keys is None:
        return None
    is_new = job.machine.kind is Kind.DEPLOY
    asking = job.tools.keys.public(job.machine.server_id, make=is_new)
    return await heeding(job, asking)


async def resize(job: Job) -> Change:
    """Bring the disk to the plan's absolute size; it never shrinks."""
    sighting = await ours(job)
    if _grows(sighting, job.order) and job.machine.kind is Kind.RESIZE:
        await job.note(boot_needed=True)  # before it grows, or a crash would forget it
    upid = await job.tools.hypervisor.grow(job.order, sighting)
    if upid is not None:
        await wait(job, upid)
    return keeping()


def _grows(sighting: Sighting, order: Order) -> bool:
    return sighting.disk is not None and sighting.disk.size < order.plan.disk_gib * GIB
