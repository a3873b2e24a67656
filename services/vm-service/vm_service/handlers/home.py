"""Where a machine is made: decided once, and found out again for what older versions placed."""

from dataclasses import replace
from typing import Final

from vm_service.domain.placement import UNRECORDED, Place, choose
from vm_service.handlers.job import Job

SETTLING: Final = 2.0  # seconds after which a task that was started is listed for certain


async def home_of(job: Job) -> Place:
    """Return where the machine was decided to be made."""
    home = job.machine.home
    assert home is not None
    if home.template == UNRECORDED:
        found = choose(job.machine.wanted.plan, *await job.tools.hypervisor.survey(), used={})
        home = replace(found, node=home.node)
        await job.note(home=home)
    return home
