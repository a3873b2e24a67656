"""What the gateway asks for: one function per event, one transaction each, no call outside.

The long work is done by the worker, which finds what these functions leave behind.
"""

import logging

from common.contracts.base import Event
from common.contracts.events import DeploymentRequested, RemovalRequested
from vm_service.domain.machine import UNSETTLED, Machine, Stage, planned, tombstone, unwanted
from vm_service.domain.telling import announcement
from vm_service.ports import UnitOfWork, Work

log = logging.getLogger(__name__)


async def on_event(event: Event, *, work: UnitOfWork, tofu: bool = False) -> None:
    """Hand an event to the function that knows it; others are none of our business."""
    match event:
        case DeploymentRequested():
            await on_deployment_requested(event, work=work, tofu=tofu)
        case RemovalRequested():
            await on_removal_requested(event, work=work, tofu=tofu)
        case _:
            log.warning("not for us", extra={"event_type": event.type})


async def on_deployment_requested(
    event: DeploymentRequested, *, work: UnitOfWork, tofu: bool = False
) -> None:
    """Plan the machine of a server. Asked again, answer again; overtaken, do nothing."""
    async with work() as tx:
        if not await tx.inbox.claim(event.id):
            return
        machine = await tx.machines.find(event.server_id)
        if machine is None:
            await tx.machines.add(_wish(event))
        elif machine.operation_id == event.operation_id:
            await _answer(tx, machine, tofu=tofu)
        elif machine.operation_id < event.operation_id and machine.stage is Stage.GONE:
            await tx.machines.save(_wish(event))
        else:  # overtaken by a removal, or by a newer operation
            log.info("deployment overtaken", extra={"operation_id": event.operation_id})


async def on_removal_requested(
    event: RemovalRequested, *, work: UnitOfWork, tofu: bool = False
) -> None:
    """Turn a machine towards its end, whatever it is doing; say so at once if it is there."""
    async with work() as tx:
        if not await tx.inbox.claim(event.id):
            return
        machine = await tx.machines.find(event.server_id)
        if machine is None:
            gone = tombstone(server_id=event.server_id, operation_id=event.operation_id)
            await tx.machines.add(gone)
            await _answer(tx, gone, tofu=tofu)
        elif event.operation_id < machine.operation_id:
            log.info("removal overtaken", extra={"operation_id": event.operation_id})
        elif machine.stage is Stage.BLOCKED and machine.operation_id == event.operation_id:
            await _answer(tx, machine, tofu=tofu)
        else:
            leaving = unwanted(machine, operation_id=event.operation_id)
            await tx.machines.save(leaving)
            await _answer(tx, leaving, tofu=tofu)


def _wish(event: DeploymentRequested) -> Machine:
    return planned(
        server_id=event.server_id,
        operation_id=event.operation_id,
        spec=event.spec,
        deadline=event.deadline,
    )


async def _answer(tx: Work, machine: Machine, *, tofu: bool) -> None:
    """Say the outcome of a settled machine; an unsettled one is left to the worker."""
    fact = None if machine.stage in UNSETTLED else announcement(machine, tofu=tofu)
    if fact is not None:
        await tx.outbox.add(fact)
