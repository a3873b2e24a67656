"""Writes down what came of attempts, and what that means for deliveries and their endpoint."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.delivering import Outcome, Schedule, attempt_of, moved_on
from gateway.domain.delivery import Delivery
from gateway.domain.endpoint import Endpoint
from gateway.domain.endpoint_health import counted_from, exhausted, judged
from gateway.ports.work import Work


@dataclass(frozen=True, slots=True)
class Recorded:
    """Endpoints as they are now, those that are not gone; ``busy``: held by somebody else.

    Of those nothing was written down: they are to be waited for, each on its own.
    """

    endpoints: Mapping[str, Endpoint]
    busy: frozenset[str] = frozenset()


async def record(
    tx: Work,
    ended: Mapping[str, Sequence[Outcome]],
    *,
    schedule: Schedule,
    chance: Callable[[], float],
) -> Recorded:
    """Write down attempts at endpoints; no endpoint is waited for.

    Deliveries are read anew: one may have been called off, or asked for again, meanwhile.
    """
    endpoints = {one.id: one for one in await tx.endpoints.hold_free(list(ended))}
    busy = await tx.endpoints.among([name for name in ended if name not in endpoints])
    ordered = {name: sorted(ended[name], key=_ended) for name in endpoints}
    by_key = [((name, one.event_id), one) for name, those in ordered.items() for one in those]
    held = await tx.deliveries.hold_all([key for key, _ in by_key])
    rows = {(row.endpoint_id, row.event_id): row for row in held}
    known = [(rows[key], outcome) for key, outcome in by_key if key in rows]

    def moved(row: Delivery, outcome: Outcome) -> Delivery:
        url = endpoints[row.endpoint_id].url
        return moved_on(row, outcome, url=url, schedule=schedule, chance=chance())

    changes = [(row, moved(row, outcome), outcome) for row, outcome in known]
    await tx.deliveries.record(*(attempt_of(row, outcome) for row, outcome in known))
    await tx.deliveries.save(*(after for _, after, _ in changes))
    for before, after, outcome in changes:
        if after.state is not before.state and not outcome.is_gone:  # of 410, the end is told
            told = exhausted(endpoints[after.endpoint_id], after, at=outcome.ended)
            await tx.public_events.add(*told)
    return Recorded(
        {name: await _judge(tx, one, ordered[name]) for name, one in endpoints.items()},
        busy=frozenset(one.id for one in busy),
    )


def _ended(outcome: Outcome) -> datetime:
    return outcome.ended


async def _judge(tx: Work, endpoint: Endpoint, outcomes: Sequence[Outcome]) -> Endpoint:
    """Judge it by what came of attempts where it is now; what it was elsewhere says nothing."""
    found = endpoint
    for outcome in outcomes:
        if outcome.url != endpoint.url:
            continue
        failures = await _failures(tx, found, counted_from(found, outcome))
        after = judged(found, outcome, failures=failures)
        await tx.public_events.add(*after.notices)
        found = after.endpoint
        if outcome.is_gone:
            await tx.deliveries.cancel(endpoint.id, at=outcome.ended)
    if found != endpoint:
        await tx.endpoints.save(found)
    return found


async def _failures(tx: Work, endpoint: Endpoint, since: datetime | None) -> int:
    if since is None:
        return 0
    return await tx.deliveries.count_attempts(endpoint.id, since=since)
