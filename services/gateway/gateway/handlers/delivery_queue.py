"""What an endpoint has to be sent, and what came of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from gateway.domain.delivering import HELD_UP, Outcome
from gateway.domain.delivery import Delivery, DeliveryState
from gateway.domain.endpoint import Endpoint
from gateway.domain.publicity import Published
from gateway.handlers.attempts import Dispatch
from gateway.ports.deliveries import Due, ListedAttempts
from gateway.ports.work import Work

BATCH: Final = 50  # deliveries of an endpoint, read at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What there is to deliver to an endpoint, ``but`` what is in hand already."""

    endpoint_id: str
    but: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An endpoint, if it is there, and what is due to it if it is enabled. ``is_all``: of that.

    ``last_at``: when the last attempt began that was written down, if its rate is bounded.
    """

    endpoint: Endpoint | None
    dispatches: Sequence[Dispatch] = ()
    is_all: bool = True
    last_at: datetime | None = None


class DeliveryQueue(Protocol):
    """What one dispatcher may ask; all of it under its lease. Raises ``DatabaseAway``."""

    async def look(self, question: Question) -> Seen:
        """Read the endpoint, and what is due."""
        ...

    async def find(self, endpoint_id: str) -> Endpoint | None:
        """Read the endpoint alone."""
        ...

    async def record(self, endpoint_id: str, outcomes: Sequence[Outcome]) -> Endpoint | None:
        """Write down what came of attempts, and return the endpoint as it is then."""
        ...


async def look(tx: Work, questions: Iterable[Question], *, at: datetime) -> Mapping[str, Seen]:
    """Answer questions about different endpoints, by endpoint."""
    asked = {one.endpoint_id: one for one in questions}
    found = {one.id: one for one in await tx.endpoints.among(list(asked))}
    due = {
        name: await tx.deliveries.due(_due(endpoint, asked[name], at=at))
        for name, endpoint in found.items()
        if endpoint.enabled
    }
    last = {name: await _last(tx, name) for name, one in found.items() if due.get(name) and one.gap}
    events = await _events(tx, due.values(), at=at)
    seen = {name: _seen(found.get(name), due.get(name, ()), events) for name in asked}
    return {name: replace(one, last_at=last.get(name)) for name, one in seen.items()}


async def _last(tx: Work, endpoint_id: str) -> datetime | None:
    page = ListedAttempts(endpoint_id=endpoint_id, limit=1)
    return next((one.at for one in await tx.deliveries.listed_attempts(page)), None)


def _due(endpoint: Endpoint, question: Question, *, at: datetime) -> Due:
    return Due(
        endpoint_id=endpoint.id,
        at=at,
        limit=BATCH,
        but=question.but,
        in_order=endpoint.in_order,
        held_since=at - HELD_UP,
    )


async def _events(
    tx: Work, due: Iterable[Sequence[Delivery]], *, at: datetime
) -> Mapping[str, Published]:
    """Read the events of deliveries; those whose event was forgotten are called off."""
    rows = [row for each in due for row in each]
    if not rows:
        return {}
    found = await tx.public_events.among(list({row.event_id: None for row in rows}))
    events = {event.id: event for event in found}
    lost = [row for row in rows if row.event_id not in events]
    await tx.deliveries.save(
        *(replace(row, state=DeliveryState.CANCELLED, done_at=at) for row in lost)
    )
    return events


def _seen(
    endpoint: Endpoint | None, due: Sequence[Delivery], events: Mapping[str, Published]
) -> Seen:
    return Seen(
        endpoint=endpoint,
        dispatches=[
            Dispatch(delivery=row, event=events[row.event_id])
            for row in due
            if row.event_id in events
        ],
        is_all=len(due) < BATCH and not (endpoint and endpoint.in_order),
    )
