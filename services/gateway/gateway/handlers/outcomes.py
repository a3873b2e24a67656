"""Writes down what came of attempts, and what that means for deliveries and their endpoint."""

from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.domain.delivering import Outcome, Schedule, attempt_of, moved_on
from gateway.domain.delivery import Delivery
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
    for outcome in ordered:
        row = rows.get(outcome.event_id)
        if row is not None:
            await room.deliveries.record(attempt_of(row, outcome))
            after = moved_on(row, outcome, schedule=schedule, chance=chance())
            await room.deliveries.save(after)
            await _tell_end(room, endpoint, row, after, outcome)
        endpoint = await _judge(room, endpoint, outcome)
    return endpoint


async def _tell_end(
    room: Room, endpoint: Endpoint, before: Delivery, after: Delivery, outcome: Outcome
) -> None:
    """Tell that a delivery has just failed for good; of 410, the endpoint's own end is told."""
    if after.state is not before.state and not outcome.is_gone:
        await room.public_events.add(*exhausted(endpoint, after, at=outcome.ended))


async def _judge(room: Room, endpoint: Endpoint, outcome: Outcome) -> Endpoint:
    failures = await _failures(room, endpoint, counted_from(endpoint, outcome))
    found = judged(endpoint, outcome, failures=failures)
    if found.endpoint != endpoint:
        await room.endpoints.save(found.endpoint)
    await room.public_events.add(*found.notices)
    if outcome.is_gone:
        await room.deliveries.cancel(endpoint.id, at=outcome.ended)
    return found.endpoint


async def _failures(room: Room, endpoint: Endpoint, since: datetime | None) -> int:
    if since is None:
        return 0
    return await room.deliveries.count_attempts(endpoint.id, since=since)
