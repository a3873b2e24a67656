"""A clone whose answer was lost: found again by what Proxmox's tasks tell of it."""

from datetime import datetime
from typing import Final

from vm_service.domain.ownership import Standing
from vm_service.handlers.home import SETTLING, home_of
from vm_service.handlers.job import Job
from vm_service.handlers.waiting import pause

WHOSE: Final = 15.0  # seconds within which a task tells what it makes, though it waits for a lock


async def lost_clone(job: Job, *, since: datetime) -> str | None:
    """Return the task of ours that makes, or made, the VM under the machine's id.

    On 8.4 a task that waits for a storage's lock has not told yet which VM it makes, so what
    is being cloned under the id is waited for.
    """
    home, (_, vmid) = await home_of(job), job.machine.place
    until = job.tools.clock() + WHOSE
    while True:
        task = await job.tools.hypervisor.find_clone(home, vmid, since=since)
        if task is not None or job.tools.clock() >= until:
            return task
        found, _ = await job.sight()
        if found is not Standing.UNPROVEN:
            return None
        await pause(job, SETTLING)
