"""Forgets what is old, and what is left of webhook endpoints that were removed."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Final

from gateway.ports.work import UnitOfWork

BATCH: Final = 500
PAGE: Final = 200  # endpoints


async def forgetting(*, work: UnitOfWork, before: datetime) -> AsyncGenerator[int]:
    """Drop a few at each step, and tell how many they were; the end is when nothing is left."""
    while dropped := await _drop_old(work, before):
        yield dropped
    async for endpoint_id in _gone(work):
        while dropped := await _drop_of(work, endpoint_id):
            yield dropped


async def _drop_old(work: UnitOfWork, before: datetime) -> int:
    async with work() as tx:
        dropped = await tx.deliveries.forget(before=before, limit=BATCH)
        return dropped or await tx.public_events.forget(before=before, limit=BATCH)


async def _drop_of(work: UnitOfWork, endpoint_id: str) -> int:
    async with work() as tx:
        return await tx.deliveries.forget_endpoint(endpoint_id, limit=BATCH)


async def _gone(work: UnitOfWork) -> AsyncGenerator[str]:
    """Go through those of whom there is anything; an id is never used again."""
    last = ""
    while True:
        async with work() as tx:
            # In this order: who is set up in between is not among them.
            known = await tx.deliveries.endpoints_known(after=last, limit=PAGE)
            there = {one.id for one in await tx.endpoints.among(known)}
        for endpoint_id in known:
            if endpoint_id not in there:
                yield endpoint_id
        if len(known) < PAGE:
            return
        last = known[-1]
