"""Forgets what is old, and what is left of webhook endpoints that were removed."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Final

from gateway.ports.deliveries import Rooms

BATCH: Final = 500
PAGE: Final = 200  # endpoints


async def forgetting(*, rooms: Rooms, before: datetime) -> AsyncGenerator[int]:
    """Drop a few at each step, and tell how many they were; the end is when nothing is left."""
    while dropped := await _drop_old(rooms, before):
        yield dropped
    async for endpoint_id in _gone(rooms):
        while dropped := await _drop_of(rooms, endpoint_id):
            yield dropped


async def _drop_old(rooms: Rooms, before: datetime) -> int:
    async with rooms() as room:
        dropped = await room.deliveries.forget(before=before, limit=BATCH)
        return dropped or await room.public_events.forget(before=before, limit=BATCH)


async def _drop_of(rooms: Rooms, endpoint_id: str) -> int:
    async with rooms() as room:
        return await room.deliveries.forget_endpoint(endpoint_id, limit=BATCH)


async def _gone(rooms: Rooms) -> AsyncGenerator[str]:
    """Go through those of whom there is anything; an id is never used again."""
    last = ""
    while True:
        async with rooms() as room:
            # In this order: who is set up in between is not among them.
            known = await room.deliveries.endpoints_known(after=last, limit=PAGE)
            there = {one.id for one in await room.endpoints.among(known)}
        for endpoint_id in known:
            if endpoint_id not in there:
                yield endpoint_id
        if len(known) < PAGE:
            return
        last = known[-1]
