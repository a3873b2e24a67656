"""Writes down what came of attempts, and what that means for deliveries and their endpoint."""

from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.domain.delivering import Outcome, Schedule, attempt_of, moved_on
from gateway.domain.endpoint import Endpoint
from gateway.domain.endpoint_health import counted_from, exhausted, judged
from gateway.ports.deliveries import Room


async def record(
    room: Room,
    endpoint_id: str,
    outcomes: Sequence[Outcome],
    *,
    schedule: Schedule,
    chance: Callable[[], float],
) -> Endpoint | None:
    """Write down attempts at one endpoint, and return it as it is then; none: it is gone.

    Deliveries are read anew: one may have been called off, or asked for again, meanwhile.
    """
    endpoint = await room.endpoints.hold(endpoint_id)
    if endpoint is None:
        return None
    ordered = sorted(outcomes, key=lambda outcome: outcome.ended)
    held = await room.deliveries.hold(endpoint_id, [outcome.event_id for outcome in ordered])
    rows = {row.event_id: row for row in held}
    known = [(rows[one.event_id], one) for one in ordered if one.event_id in rows]
    moved = [
        (row, moved_on(row, outcome, schedule=schedule, chance=chance()), outcome)
        for row, outcome in known
    ]
    await room.deliveries.record(*(attempt_of(row, outcome) for row, outcome in known))
    await room.deliveries.save(*(after for _, after, _ in moved))
    for before, after, outcome in moved:
        if after.state is not before.state and not outcome.is_gone:  # of 410, the end is told
            await room.public_events.add(*exhausted(endpoint, after, at=outcome.ended))
    return await _judge(room, endpoint, ordered)


async def _judge(room: Room, endpoint: Endpoint, outcomes: Sequence[Outcome]) -> Endpoint:
    found = endpoint
    for outcome in outcomes:
        failures = await _failures(room, found, counted_from(found, outcome))
        after = judged(found, outcome, failures=failures)
        await room.public_events.add(*after.notices)
        found = after.endpoint
        if outcome.is_gone:
            await room.deliveries.cancel(endpoint.id, at=outcome.ended)
    if found != endpoint:
        await room.endpoints.save(found)
    return found


async def _failures(room: Room, endpoint: Endpoint, since: datetime | None) -> int:
    if since is None:
        return 0
    return await room.deliveries.count_attempts(endpoint.id, since=since)
