"""What the gateway does when another service states a fact: fold it in, exactly once."""

import logging
from datetime import datetime

from common.contracts import events as evt
from common.contracts.events import AnyEvent
from common.errors import Rejected
from gateway.domain import announcements, server
from gateway.handlers.transition import move
from gateway.ports.work import UnitOfWork, Work

log = logging.getLogger(__name__)


async def on_event(event: AnyEvent, *, work: UnitOfWork, at: datetime) -> None:
    """Fold one fact into its operation and server and pass on what follows."""
    async with work() as tx:
        if not await tx.inbox.claim(event.id):
            log.debug("already handled", extra={"event_id": event.id})
            return
        operation = await tx.operations.hold(event.operation_id)
        if operation is None or operation.server_id != event.server_id:
            raise Rejected("no operation of this server has this id")
        if isinstance(event, evt.PlayersChanged):
            await _count(tx, event, at=at)
        else:
            await move(tx, operation, event, at=at)


async def _count(tx: Work, fact: evt.PlayersChanged, *, at: datetime) -> None:
    """Remember who plays: that moves no operation."""
    before = await tx.servers.hold(fact.server_id)
    if before is not None:
        counted = server.count(before, fact)
        await tx.servers.save(counted)
        # Our own time, as of all events: by it ranges are found, and old ones forgotten.
        await tx.public_events.add(*announcements.on_counted(before, counted, at=at))
