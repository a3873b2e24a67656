"""Where deliveries and their attempts are remembered, and what else delivering needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.domain.delivery import Attempt, Delivery, DeliveryState


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What of an endpoint's is due at a time, ``but`` some.

    ``in_order``: of each subject only the first that is pending. One that was tried and is older
    than ``held_since`` holds up nobody any longer.
    """

    endpoint_id: str
    at: datetime
    limit: int
    but: frozenset[str] = frozenset()
    in_order: bool = False
    held_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A page of an endpoint's deliveries, newest first: those before a position."""

    endpoint_id: str
    limit: int
    before: int | None = None
    state: DeliveryState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAttempts:
    """A page of an endpoint's attempts, newest first; ``after``: the last one of the page before.

    ``event_id``: at this event alone.
    """

    endpoint_id: str
    limit: int
    after: Attempt | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """What of an endpoint's failed in a time, to which both ends belong, after a position."""

    endpoint_id: str
    since: datetime
    until: datetime
    limit: int
    after: int = 0


class Deliveries(Protocol):
    """Deliveries and attempts, for as long as one transaction lasts."""

    async def add(self, *deliveries: Delivery) -> None:
        """Add those that are not there yet."""
        ...

    async def due(self, due: Due) -> Sequence[Delivery]:
        """Return what is due: the longest due first, or in order of positions."""
        ...

    async def hold(self, endpoint_id: str, event_ids: Sequence[str]) -> Sequence[Delivery]:
        """Read those that are there, and keep others from changing them."""
        ...

    async def hold_all(self, keys: Sequence[tuple[str, str]]) -> Sequence[Delivery]:
        """Hold deliveries of several endpoints, by endpoint and event."""
        ...

    async def save(self, *deliveries: Delivery) -> None:
        """Write back what is held."""
        ...

    async def record(self, *attempts: Attempt) -> None:
        """Remember attempts."""
        ...

    async def count_attempts(self, endpoint_id: str, *, since: datetime) -> int:
        """Count attempts that began since."""
        ...

    async def find_attempt(self, endpoint_id: str, event_id: str, number: int) -> Attempt | None:
        """Read one attempt: where a page goes on."""
        ...

    async def cancel(self, endpoint_id: str, *, at: datetime) -> None:
        """Call off all that is pending of an endpoint."""
        ...

    async def listed(self, page: Listed) -> Sequence[Delivery]:
        """Return a page of deliveries."""
        ...

    async def listed_attempts(self, page: ListedAttempts) -> Sequence[Attempt]:
        """Return a page of attempts."""
        ...

    async def failed(self, sought: Failed) -> Sequence[Delivery]:
        """Hold some that failed in that time, by position."""
        ...

    async def forget(self, *, before: datetime, limit: int) -> int:
        """Drop some of what is over since before; return how many, less than ``limit`` at the end.

        Attempts go first. What is due since then and was not sent, its endpoint being disabled or
        gone, goes too.
        """
        ...

    async def forget_endpoint(self, endpoint_id: str, *, limit: int) -> int:
        """Drop some of what there is of an endpoint that is gone; return how many."""
        ...

    async def endpoints_known(self, *, after: str, limit: int) -> Sequence[str]:
        """Return of which endpoints there is anything, by id; gone ones too."""
        ...


class Opener(Protocol):
    """Opens what was sealed for a place."""

    def open(self, envelope: str, *, server_id: str, pointer: str) -> bytes:
        """Return what was sealed. Raises ``CannotOpen`` (``common.security.sealing``)."""
        ...
