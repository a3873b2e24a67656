"""What the gateway does when somebody looks at what was sent to a webhook endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.domain.delivery import Attempt, Delivery
from gateway.domain.endpoint_refusals import EndpointDisabled, ReplayRefused
from gateway.domain.errors import Fault
from gateway.handlers.replay import Replayed, replay_failed, replay_one, replay_range
from gateway.handlers.webhooks import Asked, own
from gateway.ports.deliveries import Listed, ListedAttempts
from gateway.ports.work import UnitOfWork

Mark = int | datetime  # a position among all events, or a time


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRead:
    """An attempt, and of which type its event is; none: the event is forgotten."""

    attempt: Attempt
    type: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptKey:
    """Which attempt at an endpoint: where a page goes on."""

    event_id: str
    number: int


async def deliveries_of(asked: Asked, page: Listed, *, work: UnitOfWork) -> Sequence[Delivery]:
    """Return a page of what is, or was, on its way to an endpoint."""
    async with work() as tx:
        own(await tx.endpoints.find(asked.id), asked)
        return await tx.deliveries.listed(page)


async def attempts_of(
    asked: Asked, page: ListedAttempts, *, after: AttemptKey | None, work: UnitOfWork
) -> Sequence[AttemptRead]:
    """Return a page of attempts. After one that is forgotten there is nothing any more."""
    async with work() as tx:
        own(await tx.endpoints.find(asked.id), asked)
        if after is not None:
            last = await tx.deliveries.find_attempt(asked.id, after.event_id, after.number)
            if last is None:
                return ()
            page = replace(page, after=last)
        found = await tx.deliveries.listed_attempts(page)
        events = await tx.public_events.among(list({attempt.event_id for attempt in found}))
    types = {event.id: event.type for event in events}
    return [AttemptRead(attempt=one, type=types.get(one.event_id)) for one in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What is to be sent again: one event, what failed since a time, or else a range.

    ``after`` and ``before``: marks around the range; none: from the first event on, up to now.
    What failed may be gone on with after a position.
    """

    event_id: str | None = None
    failed_since: datetime | None = None
    after: Mark | None = None
    before: Mark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentAgain:
    """How many go out again. ``reached``: the last position gone through; none: it was one event.

    ``complete``: nothing is left; otherwise go on after ``reached``.
    """

    count: int
    reached: int | None = None
    complete: bool = True


async def send_again(asked: Asked, again: Again, *, work: UnitOfWork, at: datetime) -> SentAgain:
    """Send events again. Raises ``EndpointDisabled``, ``ReplayRefused``."""
    _check(again)
    async with work() as tx:
        endpoint = own(await tx.endpoints.find(asked.id), asked)
    if not endpoint.enabled:
        raise EndpointDisabled(
            "Nothing is sent to a webhook that is disabled.",
            remedy="Enable it first: PATCH it with enabled: true. What is pending goes out then.",
        )
    if again.event_id is not None:
        if not await replay_one(endpoint, again.event_id, work=work, at=at):
            raise ReplayRefused(
                "There is no such event that this webhook may have.",
                remedy="See GET /v1/webhooks/{id}/deliveries, or GET /v1/events.",
                faults=(Fault("/event_id", "is no event that this webhook may have"),),
            )
        return SentAgain(count=1)
    if again.failed_since is not None:
        after = again.after if isinstance(again.after, int) else 0
        failed = await replay_failed(
            endpoint, since=again.failed_since, after=after, work=work, at=at
        )
        return _told(failed)
    after, before = await _borders(again, work=work)
    return _told(await replay_range(endpoint, after=after, before=before, work=work, at=at))


def _check(again: Again) -> None:
    """Refuse what says nothing, or several things, or a range that ends before it begins."""
    ways = {
        "event_id": again.event_id is not None,
        "failed_since": again.failed_since is not None,
        "after": again.after is not None or again.before is not None,
    }
    if isinstance(again.after, int) and again.before is None and again.failed_since is not None:
        ways["after"] = False  # it is where what failed is gone on with
    if sum(ways.values()) != 1:
        which = [name for name, is_said in ways.items() if is_said] or list(ways)
        raise ReplayRefused(
            "It must say exactly one thing that is to be sent again.",
            remedy="Send event_id, or failed_since, or after and before.",
            faults=tuple(Fault(f"/{name}", "must be the only one of the three") for name in which),
        )
    if _is_backwards(again.after, again.before):
        raise ReplayRefused(
            "The range ends before it begins.",
            remedy="Send a before that is greater than after.",
            faults=(Fault("/before", "must be greater than after"),),
        )


def _is_backwards(after: Mark | None, before: Mark | None) -> bool:
    match after, before:
        case (int(), int()):
            return before <= after
        case (datetime(), datetime()):
            return before <= after
        case _:
            return False


def _told(found: Replayed) -> SentAgain:
    return SentAgain(count=found.count, reached=found.reached, complete=found.is_all)


async def _borders(again: Again, *, work: UnitOfWork) -> tuple[int, int]:
    """Return the positions around the range. After a time means later; before one, earlier."""
    async with work() as tx:
        end = await tx.public_events.last_position() + 1
        after = again.after or 0
        if isinstance(after, datetime):
            after = await tx.public_events.last_before_newer(after)
        before = end if again.before is None else again.before
        if isinstance(before, datetime):
            before = await tx.public_events.first_after_older(before)
    after, before = min(after, end), min(before, end)
    return after, max(before, after + 1)
