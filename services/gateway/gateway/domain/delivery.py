"""A delivery: one event on its way to one webhook endpoint, and each attempt at it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DeliveryState(StrEnum):
    """How far it is."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event for one endpoint. ``event_id`` is the ``webhook-id`` of each attempt.

    ``position``: of the event, among all. ``tries``: attempts since it was asked for, by which the
    schedule goes; ``attempts``: those ever made, replays counted. ``next_at``: when it is due.
    """

    endpoint_id: str
    event_id: str
    event_type: str
    subject_id: str
    position: int
    created_at: datetime
    next_at: datetime
    state: DeliveryState = DeliveryState.PENDING
    tries: int = 0
    attempts: int = 0
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt. ``took``: seconds. ``status``: of the answer; ``error``: why there was none.

    ``answer``: the first KiB of it, as text.
    """

    endpoint_id: str
    event_id: str
    number: int
    at: datetime
    took: float
    status: int | None = None
    error: str | None = None
    answer: str = ""
