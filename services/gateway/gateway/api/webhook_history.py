"""``/v1/webhooks/{id}``: what was sent there, how that went, and once more."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query, status
from pydantic import BaseModel, ConfigDict

from common.contracts.base import now
from gateway.api.pages import EVENT, Limit
from gateway.api.webhook_wishes import ReplayWish
from gateway.api.webhooks import Here, router
from gateway.domain.delivery import Delivery, DeliveryState
from gateway.handlers import webhook_history
from gateway.handlers.webhook_history import AttemptKey, AttemptRead
from gateway.ports.deliveries import Listed, ListedAttempts

MOST: Final = 2**63 - 1

history = APIRouter(prefix=router.prefix, tags=router.tags)

OfEvent = Annotated[
    str | None, Query(pattern=f"^{EVENT}$", description="Attempts at this event alone")
]
AfterDelivery = Annotated[
    int | None, Query(ge=1, le=MOST, description="`next_cursor` of the page before")
]
AfterAttempt = Annotated[
    str | None,
    Query(pattern=f"^{EVENT}:[0-9]{{1,9}}$", description="`next_cursor` of the page before"),
]


class DeliveryView(BaseModel):
    """An event on its way to a webhook, or there. ``event_id``: the `webhook-id` of each attempt.

    ``position``: of the event, as in `GET /v1/events`. ``attempts``: all there were; ``tries``:
    those since it was sent, or asked for again, last. ``next_at``: when it is tried next, while it
    is pending.
    """

    model_config = ConfigDict(from_attributes=True)

    event_id: str
    event_type: str
    subject_id: str
    position: int
    state: DeliveryState
    attempts: int
    tries: int
    created_at: datetime
    next_at: datetime | None
    done_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryView":
        """Show a delivery."""
        shown = cls.model_validate(delivery)
        is_pending = delivery.state is DeliveryState.PENDING
        return shown if is_pending else shown.model_copy(update={"next_at": None})


class Deliveries(BaseModel):
    """A page of deliveries, the newest event first."""

    items: list[DeliveryView]
    next_cursor: str | None


class AttemptView(BaseModel):
    """One attempt. ``duration``: seconds. ``status``: of the answer; ``error``: why none came.

    ``answer``: the first KiB of its body. It is what somebody else sent: show it as text.
    ``event_type``: null once the event is forgotten.
    """

    event_id: str
    event_type: str | None
    number: int
    at: datetime
    duration: float
    status: int | None
    error: str | None
    answer: str

    @classmethod
    def of(cls, read: AttemptRead) -> "AttemptView":
        """Show an attempt."""
        one = read.attempt
        return cls(
            event_id=one.event_id,
            event_type=read.type,
            number=one.number,
            at=one.at,
            duration=one.took,
            status=one.status,
            error=one.error,
            answer=one.answer,
        )


class Attempts(BaseModel):
    """A page of attempts, newest first."""

    items: list[AttemptView]
    next_cursor: str | None


class ReplayView(BaseModel):
    """What goes out again. ``count``: how many events.

    ``reached``: the last position of a range that was gone through. A long range takes several
    calls: unless ``complete``, ask again with it as ``after``.
    """

    model_config = ConfigDict(from_attributes=True)

    count: int
    reached: int | None
    complete: bool


@history.get("/{id}/deliveries")
async def list_deliveries(
    here: Here,
    state: DeliveryState | None = None,
    limit: Limit = 50,
    after: AfterDelivery = None,
) -> Deliveries:
    """List the events on their way to a webhook, or there: the newest event first."""
    page = Listed(endpoint_id=here.asked.id, limit=limit + 1, before=after, state=state)
    found = await webhook_history.deliveries_of(here.asked, page, work=here.gateway.work)
    return Deliveries(
        items=[DeliveryView.of(delivery) for delivery in found[:limit]],
        next_cursor=str(found[limit - 1].position) if len(found) > limit else None,
    )


@history.get("/{id}/attempts")
async def list_attempts(
    here: Here,
    event_id: OfEvent = None,
    limit: Limit = 50,
    after: AfterAttempt = None,
) -> Attempts:
    """List what was sent to a webhook and what it answered, newest first; kept for 30 days."""
    page = ListedAttempts(endpoint_id=here.asked.id, limit=limit + 1, event_id=event_id)
    found = await webhook_history.attempts_of(
        here.asked, page, after=_key(after), work=here.gateway.work
    )
    last = found[limit - 1].attempt if len(found) > limit else None
    return Attempts(
        items=[AttemptView.of(read) for read in found[:limit]],
        next_cursor=f"{last.event_id}:{last.number}" if last else None,
    )


def _key(cursor: str | None) -> AttemptKey | None:
    if cursor is None:
        return None
    event_id, _, number = cursor.partition(":")
    return AttemptKey(event_id=event_id, number=int(number))


@history.post("/{id}/replay", status_code=status.HTTP_202_ACCEPTED)
async def replay(here: Here, body: ReplayWish) -> ReplayView:
    """Send events again, under the same `webhook-id`. A webhook that is disabled gets nothing."""
    sent = await webhook_history.send_again(
        here.asked, body.again(), work=here.gateway.work, at=now()
    )
    return ReplayView.model_validate(sent)
