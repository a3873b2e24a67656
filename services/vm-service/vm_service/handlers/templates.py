"""What the gateway asks about templates that we have baked."""

from common.contracts.templates import ClonesAnswer, ClonesQuestion
from vm_service.domain.program import Stage
from vm_service.ports import UnitOfWork


async def clones_of(question: ClonesQuestion, *, work: UnitOfWork) -> ClonesAnswer:
    """Return the servers whose disks rest on the template; full clones rest on nothing."""
    async with work() as tx:
        machine = await tx.machines.find(question.template_id)
        if machine is None or machine.vmid is None or machine.stage is Stage.GONE:
            return ClonesAnswer()
        return ClonesAnswer(servers=tuple(await tx.machines.cloned_from(machine.vmid)))
