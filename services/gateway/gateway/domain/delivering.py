"""How a delivery goes on: what an answer means for it, and when it is tried again.

    pending --2xx--> succeeded
    pending --else, tries left--> pending, due by the schedule
    pending --else, none left--> failed (and told as ``webhook.delivery_exhausted``)
    pending --410--> failed, and the endpoint is disabled: what else waits for it is cancelled

Redirects are not followed: a 3xx is a failure like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from gateway.domain.delivery import Attempt, Delivery, DeliveryState

RETRIES: Final = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 36000.0)  # seconds before each
KEPT_OF_ANSWER: Final = 1024  # bytes
LONGEST_WISH: Final = timedelta(hours=1)  # what an endpoint may ask us to wait at most
HELD_UP: Final = timedelta(minutes=15)  # what an event waits for the former at most, in order
MOST_IN_FLIGHT: Final = 10  # at one endpoint, whatever it asks for: the places are everybody's
# These say "not now" of the endpoint, not of the one event.
BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When attempts are made. ``waits``: before each, in seconds; ``jitter``: part of a wait."""

    waits: Sequence[float] = (0, *RETRIES)
    jitter: float = 0.2

    def wait(self, tries: int, *, chance: float) -> timedelta | None:
        """Return what is waited after so many tries; none: it was the last.

        ``chance``: 0 to 1, so that those who failed together do not come back together.
        """
        if tries >= len(self.waits):
            return None
        return timedelta(seconds=self.waits[tries] * (1 + self.jitter * (2 * chance - 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one attempt ended. ``url``: where; ``at``: when it began; ``took``: seconds.

    ``status`` and ``answer`` of the answer; ``error``: why there was none, in words.
    """

    event_id: str
    url: str = field(repr=False)
    at: datetime
    took: float
    status: int | None = None
    retry_after: str | None = None
    answer: bytes = b""
    error: str | None = None

    @property
    def ended(self) -> datetime:
        """When it was over."""
        return self.at + timedelta(seconds=self.took)

    @property
    def succeeded(self) -> bool:
        """2xx and nothing else."""
        return self.status is not None and HTTPStatus(200) <= self.status < HTTPStatus(300)

    @property
    def is_gone(self) -> bool:
        """The endpoint asks never to hear of us again."""
        return self.status == HTTPStatus.GONE

    @property
    def wish(self) -> timedelta:
        """Return how long it asks us to wait, an hour at most; nothing where it asks for nothing.

        ``Retry-After`` is seconds or an HTTP date.
        """
        if self.retry_after is None or self.succeeded:
            return timedelta(0)
        return min(max(_wished(self.retry_after.strip(), self.ended), timedelta(0)), LONGEST_WISH)

    @property
    def pause(self) -> timedelta:
        """Return how long the whole endpoint asks to be left alone."""
        return self.wish if self.status in BUSY else timedelta(0)


def _wished(text: str, at: datetime) -> timedelta:
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), LONGEST_WISH.total_seconds()))
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - at
    except (ValueError, OverflowError):  # no date, or one that no calendar holds
        return timedelta(0)


def moved_on(
    delivery: Delivery, outcome: Outcome, *, url: str, schedule: Schedule, chance: float
) -> Delivery:
    """Return the delivery after an attempt. One that was called off meanwhile stays so.

    ``url``: where the endpoint is now. What failed elsewhere is tried there at once.
    """
    counted = replace(delivery, tries=delivery.tries + 1, attempts=delivery.attempts + 1)
    if delivery.state is not DeliveryState.PENDING:
        return counted
    if outcome.succeeded:
        return replace(counted, state=DeliveryState.SUCCEEDED, done_at=outcome.ended)
    if outcome.url != url:
        return replace(counted, tries=delivery.tries, next_at=outcome.ended)
    wait = None if outcome.is_gone else schedule.wait(counted.tries, chance=chance)
    if wait is None:
        return replace(counted, state=DeliveryState.FAILED, done_at=outcome.ended)
    return replace(counted, next_at=outcome.ended + max(wait, outcome.wish))


def replayed(delivery: Delivery, *, at: datetime) -> Delivery:
    """Return the delivery asked for anew: the same ``webhook-id``, all tries before it."""
    return replace(
        delivery, state=DeliveryState.PENDING, tries=0, created_at=at, next_at=at, done_at=None
    )


def attempt_of(delivery: Delivery, outcome: Outcome) -> Attempt:
    """Return what is kept of an attempt; ``delivery`` is as it was before."""
    return Attempt(
        endpoint_id=delivery.endpoint_id,
        event_id=delivery.event_id,
        number=delivery.attempts + 1,
        at=outcome.at,
        took=outcome.took,
        status=outcome.status,
        error=outcome.error,
        answer=_text(outcome.answer),
    )


def _text(answer: bytes) -> str:
    """Return the first KiB as text; a NUL is none that a database takes."""
    return answer[:KEPT_OF_ANSWER].decode("utf-8", "replace").replace("\x00", "\ufffd")
