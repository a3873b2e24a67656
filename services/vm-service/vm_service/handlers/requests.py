"""What the gateway asks for: one transaction for each event, no call outside.

The long work is done by the worker, which finds what is left here.
"""

import logging

from common.contracts.base import Event
from vm_service.domain.decision import OVERTAKEN, decide
from vm_service.domain.telling import announcement
from vm_service.ports import UnitOfWork

log = logging.getLogger(__name__)


async def on_event(event: Event, *, work: UnitOfWork, tofu: bool = False) -> None:
    """Record what becomes of the server's machine, and say the outcome if there is one."""
    async with work() as tx:
        if not await tx.inbox.claim(event.id):
            return
        machine = await tx.machines.find(event.server_id)
        decision = decide(event, machine)
        if decision is None:
            log.warning("not for us", extra={"event_type": event.type})
            return
        if decision is OVERTAKEN:
            log.info("overtaken", extra={"operation_id": event.operation_id})
        if decision.record is not None:
            await (tx.machines.save if machine else tx.machines.add)(decision.record)
        fact = announcement(decision.tell, tofu=tofu) if decision.tell else None
        if fact is not None:
            await tx.outbox.add(fact)
