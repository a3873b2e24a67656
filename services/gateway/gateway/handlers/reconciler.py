"""Look after operations that have gone quiet: ask again, and end what took too long."""

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from common.contracts.base import now
from gateway.domain.consequences import request_of
from gateway.domain.failure import DeadlinePassed
from gateway.handlers.transition import move
from gateway.ports.work import UnitOfWork

log = logging.getLogger(__name__)

QUIET: Final = timedelta(seconds=30)
BATCH: Final = 200
CLEARING: Final = timedelta(hours=1)
KEYS_KEPT: Final = timedelta(days=2)


async def keep_reconciling(*, work: UnitOfWork, every: float, quiet_after: float) -> None:
    """Look after operations for ever, and clear up now and then."""
    cleared = now() - CLEARING
    while True:
        try:
            await reconcile(work=work, at=now(), quiet=timedelta(seconds=quiet_after))
            if now() - cleared >= CLEARING:
                await forget_old(work=work, at=now())
                cleared = now()
        except Exception:
            # A database that is away for a while must not end the service.
            log.exception("could not look after operations")
        await asyncio.sleep(every)


async def reconcile(*, work: UnitOfWork, at: datetime, quiet: timedelta = QUIET) -> int:
    """Take care of every operation that was not heard of for a while; return how many."""
    async with work() as tx:
        found = await tx.operations.unended(quiet_since=at - quiet, limit=BATCH)
        overdue = await tx.operations.overdue(at=at, limit=BATCH)
    ids = {operation.id for operation in (*found, *overdue)}
    for name in sorted(ids):
        try:
            await _care_for(name, work=work, at=at, quiet=quiet)
        except Exception:
            # One that cannot be taken care of must not keep the others from it.
            log.exception("could not look after an operation", extra={"operation_id": name})
    return len(ids)


async def _care_for(id: str, *, work: UnitOfWork, at: datetime, quiet: timedelta) -> None:
    """Look again under a lock: another copy may have been here, or news may have come."""
    async with work() as tx:
        operation = await tx.operations.hold(id)
        if operation is None or operation.has_ended:
            return
        if operation.ends_by <= at:
            await move(tx, operation, DeadlinePassed(), at=at)
            return
        if operation.heard_at <= at - quiet:
            log.info("asking again", extra={"operation_id": id, "state": operation.state})
            await tx.operations.save(replace(operation, heard_at=at))
            await tx.outbox.add(request_of(operation))


async def forget_old(*, work: UnitOfWork, at: datetime) -> None:
    """Drop what nobody can need any more."""
    async with work() as tx:
        await tx.request_keys.forget(before=at - KEYS_KEPT)
        await tx.login_failures.forget(before=at - timedelta(hours=1))
        await tx.sessions.forget(before=at - timedelta(days=1))
