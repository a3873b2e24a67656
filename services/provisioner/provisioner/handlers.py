"""What the provisioner does when it hears something: one function, one transaction."""

from common.contracts import events as evt
from common.contracts.events import AnyEvent
from provisioner.domain.heard import (
    again,
    has_new_keys,
    on_cancel,
    on_ready,
    on_removal,
    on_rollback,
)
from provisioner.ports import UnitOfWork
from provisioner.telling import keys_changed


async def on_event(event: AnyEvent, *, work: UnitOfWork) -> None:
    """Take in what concerns the provisioner; the worker does the rest."""
    match event:
        case evt.VMReady():
            await on_vm_ready(event, work=work)
        case evt.RemovalRequested():
            await on_removal_requested(event, work=work)
        case evt.CancelRequested():
            await on_cancel_requested(event, work=work)
        case evt.RollbackRequested():
            await on_rollback_requested(event, work=work)
        case _:
            pass  # not said to us


async def on_vm_ready(event: evt.VMReady, *, work: UnitOfWork) -> None:
    """Start a run, or tell again how the one of this operation ended."""
    async with work() as tx:
        if not await tx.inbox.claim(event.id):
            return
        known = await tx.runs.find(event.server_id)
        started = on_ready(known, event)
        if started is not None:
            await tx.runs.save(started)
            await tx.counts.remove(event.server_id)
            if has_new_keys(known, event):
                await tx.outbox.add(keys_changed(started))
        elif known and known.outcome and known.operation_id == event.operation_id:
            await tx.outbox.add(again(known.outcome))


async def on_removal_requested(event: evt.RemovalRequested, *, work: UnitOfWork) -> None:
    """Stop whatever goes on in the guest; the worker notices within a second."""
    async with work() as tx:
        if not await tx.inbox.claim(event.id):
            return
        cancelled = on_removal(await tx.runs.find(event.server_id), event)
        if cancelled is not None:
            await tx.runs.save(cancelled)
            await tx.keys.remove(event.server_id)
            await tx.counts.remove(event.server_id)


async def on_cancel_requested(event: evt.CancelRequested, *, work: UnitOfWork) -> None:
    """Let go of this operation's run, or of one that is still to come; nothing is announced."""
    async with work() as tx:
        if not await tx.inbox.claim(event.id):
            return
        known = await tx.runs.find(event.server_id)
        cancelled = on_cancel(known, event)
        if cancelled is not None:
            await tx.runs.save(cancelled)
            if known is not None and known.operation_id != cancelled.operation_id:
                await tx.counts.remove(event.server_id)  # to be told anew, of this operation


async def on_rollback_requested(event: evt.RollbackRequested, *, work: UnitOfWork) -> None:
    """Let go of the update: the VM is about to be switched off, and to go back."""
    async with work() as tx:
        if not await tx.inbox.claim(event.id):
            return
        cancelled = on_rollback(await tx.runs.find(event.server_id), event)
        if cancelled is not None:
            await tx.runs.save(cancelled)
