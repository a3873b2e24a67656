"""How an endpoint does: failing since when, warned of, disabled, recovered.

An endpoint that nothing but failures came from for 120 hours is disabled, with warnings on the way.
Silence is no failure: before a warning or the end there are several failed attempts within a day,
so that one that was asked nothing for a week is not judged by the first failure after it.

A disabled endpoint gets nothing: what happens meanwhile is not kept for it (a replay of the range
brings it), and what was pending stays pending, is not sent, and goes out when it is enabled again.
Only an endpoint that says 410 has its pending deliveries cancelled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from common.contracts import public_data as public
from gateway.domain.delivering import Outcome
from gateway.domain.delivery import Delivery, DeliveryState
from gateway.domain.endpoint import Endpoint
from gateway.domain.publicity import Notice

PATIENCE: Final = timedelta(hours=120)
WARNINGS: Final = (50, 70, 90)  # percent of the patience
SEVERAL: Final = 4  # failed attempts …
LATELY: Final = timedelta(hours=24)  # … within this time
GONE: Final = "it answered 410 Gone"

FAILING: Final = "webhook.endpoint_failing"
DISABLED: Final = "webhook.endpoint_disabled"
RECOVERED: Final = "webhook.endpoint_recovered"
EXHAUSTED: Final = "webhook.delivery_exhausted"
OF_WEBHOOKS: Final = "webhook."


@dataclass(frozen=True, slots=True)
class Judged:
    """An endpoint after an attempt, and what is told of it."""

    endpoint: Endpoint
    notices: Sequence[Notice] = ()


def judged(endpoint: Endpoint, outcome: Outcome, *, failures: int) -> Judged:
    """Judge an endpoint by an attempt. ``failures``: those of late, this one too.

    One that is disabled is judged no more: what was under way then says nothing new.
    """
    if not endpoint.enabled:
        return Judged(endpoint)
    if outcome.succeeded:
        return _recovered(endpoint, at=outcome.ended)
    if outcome.is_gone:
        return disabled(endpoint, reason=GONE, at=outcome.ended)
    failing = replace(endpoint, failing_since=endpoint.failing_since or outcome.ended)
    return _warned(failing, at=outcome.ended) if failures >= SEVERAL else Judged(failing)


def counted_from(endpoint: Endpoint, outcome: Outcome) -> datetime | None:
    """Return since when failures are to be counted before it is judged; none: they do not matter.

    They matter where a warning is near, which is seldom; counting costs a look at the attempts.
    """
    since = endpoint.failing_since
    if outcome.succeeded or since is None or outcome.ended - since < _after(WARNINGS[0]):
        return None
    return max(since, outcome.ended - LATELY)


def _after(percent: int) -> timedelta:
    return PATIENCE * percent / 100


def _recovered(endpoint: Endpoint, *, at: datetime) -> Judged:
    well = replace(endpoint, failing_since=None, warned=0)
    if not endpoint.warned:
        return Judged(well)
    return Judged(well, [_notice(RECOVERED, endpoint, at=at)])


def _warned(endpoint: Endpoint, *, at: datetime) -> Judged:
    assert endpoint.failing_since is not None
    failing = at - endpoint.failing_since
    hours = int(failing / timedelta(hours=1))
    reason = f"nothing but failures for {hours} hours"
    if failing >= PATIENCE:
        return disabled(endpoint, reason=reason, at=at)
    reached = max((mark for mark in WARNINGS if failing >= _after(mark)), default=0)
    if reached <= endpoint.warned:
        return Judged(endpoint)
    left = int((PATIENCE - failing) / timedelta(hours=1))
    told = _notice(FAILING, endpoint, at=at, reason=f"{reason}; disabled in {left} hours")
    return Judged(replace(endpoint, warned=reached), [told])


def disabled(endpoint: Endpoint, *, reason: str, at: datetime) -> Judged:
    """Disable it, and tell why."""
    off = replace(endpoint, enabled=False, disabled_reason=reason)
    return Judged(off, [_notice(DISABLED, endpoint, at=at, reason=reason)])


def exhausted(endpoint: Endpoint, delivery: Delivery, *, at: datetime) -> Sequence[Notice]:
    """Tell that nothing more is tried for a delivery.

    Nothing is told of one that told of endpoints itself: two that are down would never be done
    telling of each other.
    """
    if delivery.state is not DeliveryState.FAILED or delivery.event_type.startswith(OF_WEBHOOKS):
        return ()
    data = public.DeliveryData(
        **dict(_data(endpoint, reason="every attempt failed")),
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        attempts=delivery.attempts,
    )
    return [replace(_notice(EXHAUSTED, endpoint, at=at), data=data)]


def _notice(type: str, endpoint: Endpoint, *, at: datetime, reason: str | None = None) -> Notice:
    return Notice(
        type=type,
        subject_id=endpoint.id,
        owner_id=endpoint.owner_id or "",
        time=at,
        data=_data(endpoint, reason=reason),
    )


def _data(endpoint: Endpoint, *, reason: str | None) -> public.EndpointData:
    return public.EndpointData(
        webhook=public.EndpointReference(id=endpoint.id, name=endpoint.name),
        failing_since=endpoint.failing_since,
        reason=reason,
        links=public.Links(webhook=f"/v1/webhooks/{endpoint.id}"),
    )
