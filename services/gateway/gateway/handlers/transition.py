"""Move an operation on, its server with it, and say what follows: within one transaction."""

from dataclasses import replace
from datetime import datetime

from common.contracts import events as evt
from common.contracts.base import Event
from common.errors import Rejected
from gateway.domain import announcements, consequences
from gateway.domain import server as servers
from gateway.domain.announcements import Moved
from gateway.domain.kind import Kind
from gateway.domain.operation import Operation, advance, takes
from gateway.domain.phase import HEARD
from gateway.domain.server import Server
from gateway.domain.transitions import Trigger
from gateway.ports.work import Work


async def move(tx: Work, operation: Operation, trigger: Trigger, *, at: datetime) -> Operation:
    """Fold a fact or decision into a held operation. What comes too late changes nothing."""
    if not takes(operation, trigger):
        if operation.kind is Kind.DELETE and isinstance(trigger, evt.VMDeleted):
            await _gone_after_all(tx, operation, trigger, at=at)
        return operation
    after = advance(operation, trigger, at=at)
    await tx.operations.save(after)
    if after.has_ended or type(trigger) in HEARD:
        before, server = await _move_server(tx, after, trigger, at=at)
    else:
        before = server = _there(await tx.servers.find(after.server_id), operation)
    await tx.outbox.add(*consequences.on_moved(operation, after, trigger, at=at))
    moved = Moved(before=operation, after=after, server_before=before, server=server)
    await tx.public_events.add(*announcements.on_moved(moved, trigger, at=at))
    return after


async def _gone_after_all(
    tx: Work, operation: Operation, fact: evt.VMDeleted, *, at: datetime
) -> None:
    """Let a server go whose removal was refused, and so failed, and has succeeded since."""
    before = await tx.servers.hold(operation.server_id)
    if before is None or before.operation_id != operation.id:
        return
    gone = replace(servers.advance(before, fact, at=at), failure=None)
    await tx.servers.save(gone)
    moved = Moved(before=operation, after=operation, server_before=before, server=gone)
    await tx.public_events.add(*announcements.on_moved(moved, fact, at=at))


async def _move_server(
    tx: Work, operation: Operation, trigger: Trigger, *, at: datetime
) -> tuple[Server, Server]:
    """Fold it into the server; return that as it was before, and as it is now."""
    before = _there(await tx.servers.hold(operation.server_id), operation)
    after = servers.advance(before, trigger, at=at) if isinstance(trigger, Event) else before
    after = servers.follow(after, operation, trigger, at=at)
    if after != before:
        await tx.servers.save(replace(after, operation_id=operation.id))
    return before, after


def _there(server: Server | None, operation: Operation) -> Server:
    if server is None:
        raise Rejected(f"{operation.id} has lost its server")
    return server
