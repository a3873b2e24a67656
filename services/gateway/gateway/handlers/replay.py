"""Sends events again: one, all that failed since a time, or a whole range.

Again means under the same ``webhook-id``, with all tries before it. One that is under way as it is
asked for again may arrive twice; that is what the id is for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gateway.domain.delivering import replayed
from gateway.domain.endpoint import Endpoint
from gateway.domain.endpoint_refusals import EndpointNotFound
from gateway.domain.publicity import Published
from gateway.domain.subscription import as_told, delivery_of, may_have, wants
from gateway.ports.deliveries import Failed
from gateway.ports.public_events import Sought
from gateway.ports.work import UnitOfWork, Work

BATCH: Final = 200
MOST: Final = 10_000  # events of a range that one call reads at most, or that it sends again


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How many go out again. ``reached``: the position up to which it was gone through.

    ``is_all``: nothing is left after it.
    """

    count: int
    reached: int
    is_all: bool


async def replay_one(endpoint: Endpoint, event_id: str, *, work: UnitOfWork, at: datetime) -> bool:
    """Send one event again, or for the first time; false: there is none that it may have."""
    async with work() as tx:
        found = await tx.public_events.among([event_id])
        mine = [event for event in found if may_have(endpoint, event)]
        await _send_again(tx, endpoint, mine, at=at)
    return bool(mine)


async def replay_failed(
    endpoint: Endpoint, *, since: datetime, after: int = 0, work: UnitOfWork, at: datetime
) -> Replayed:
    """Send again what has failed since a time and until now, of what comes after a position.

    Where that is much, the next call goes on after the position that was ``reached``.
    """
    count, sought = 0, Failed(endpoint_id=endpoint.id, since=since, until=at, limit=BATCH)
    while count < MOST:
        async with work() as tx:
            await _hold(tx, endpoint)
            found = await tx.deliveries.failed(replace(sought, after=after))
            await tx.deliveries.save(*(replayed(row, at=at) for row in found))
        count += len(found)
        after = found[-1].position if found else after
        if len(found) < BATCH:
            return Replayed(count=count, reached=after, is_all=True)
    return Replayed(count=count, reached=after, is_all=False)


async def replay_range(
    endpoint: Endpoint, *, after: int, before: int, work: UnitOfWork, at: datetime
) -> Replayed:
    """Send all that it wants between two positions, whether or not it was sent before.

    Neither position belongs to the range. A long one is gone through in parts: the next call goes
    on after the position that was ``reached``, which is ``before - 1`` at the end.
    """
    count, last = 0, min(before - 1, after + MOST)
    while after < last:
        async with work() as tx:
            sought = Sought(after=after, limit=BATCH, owner_id=endpoint.owner_id)
            found = [e for e in await tx.public_events.find(sought) if e.position <= last]
            wanted = [event for event in found if wants(endpoint, event, as_told(event))]
            await _send_again(tx, endpoint, wanted, at=at)
        count += len(wanted)
        after = found[-1].position if len(found) == BATCH else last
    return Replayed(count=count, reached=last, is_all=last >= before - 1)


async def _send_again(
    tx: Work, endpoint: Endpoint, events: Sequence[Published], *, at: datetime
) -> None:
    """Make new deliveries of what was never on its way, and begin the others anew."""
    if not events:
        return
    await _hold(tx, endpoint)
    known = await tx.deliveries.hold(endpoint.id, [event.id for event in events])
    await tx.deliveries.save(*(replayed(row, at=at) for row in known))
    await tx.deliveries.add(*(delivery_of(event, endpoint, at=at) for event in events))


async def _hold(tx: Work, endpoint: Endpoint) -> None:
    """Keep it from being removed until the transaction ends: nothing is left to nobody."""
    if await tx.endpoints.hold(endpoint.id) is None:
        raise EndpointNotFound("This webhook was removed meanwhile.", remedy="Set up another.")
