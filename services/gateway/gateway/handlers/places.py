"""Places for attempts: who fails or is slow waits with its like, and no owner takes them all.

The same goes for hands: an endpoint is in one while somebody is busy with it, or waits for a place.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.delivering import Outcome
from gateway.domain.endpoint import Endpoint

SLOW: Final = 2.0  # seconds: an attempt that takes longer counts as one that failed
KNOWN: Final = 10_000  # endpoints that are remembered
HANDS: Final = 500  # endpoints that somebody is busy with, at most …
OTHERS: Final = 400  # … and of those that fail or are slow


@dataclass(frozen=True, slots=True)
class Lane:
    """So many attempts at a time, and so many of one owner's."""

    places: asyncio.Semaphore
    of_one: int
    owners: dict[str | None, asyncio.Semaphore] = field(
        default_factory=dict[str | None, asyncio.Semaphore]
    )

    @classmethod
    def of(cls, places: int, *, of_one: int) -> "Lane":
        """Return a lane that is empty."""
        return cls(asyncio.Semaphore(places), of_one)

    @asynccontextmanager
    async def place(self, owner_id: str | None) -> AsyncGenerator[None]:
        """Wait for a turn among the owner's, then for a place, which is kept until the end."""
        mine = self.owners.setdefault(owner_id, asyncio.Semaphore(self.of_one))
        async with mine, self.places:
            yield


@dataclass(frozen=True, slots=True)
class Places:
    """Where attempts wait for their turn: those at endpoints that do well, and at all others.

    ``poor``: endpoints whose last attempt failed, or was slow.
    """

    well: Lane = field(default_factory=lambda: Lane.of(40, of_one=32))
    others: Lane = field(default_factory=lambda: Lane.of(10, of_one=8))
    poor: set[str] = field(default_factory=set[str])

    @asynccontextmanager
    async def one_for(self, endpoint: Endpoint) -> AsyncGenerator[None]:
        """Give a place; who turned out to be poor while it waited waits with its like."""
        while True:
            lane = self._lane_of(endpoint)
            async with lane.place(endpoint.owner_id):
                if lane is self._lane_of(endpoint):
                    yield
                    return

    def is_poor(self, endpoint: Endpoint) -> bool:
        """Tell whether it fails or is slow."""
        return endpoint.failing_since is not None or endpoint.id in self.poor

    def learn(self, endpoint_id: str, outcome: Outcome) -> None:
        """Remember how an endpoint does."""
        if outcome.succeeded and outcome.took <= SLOW:
            self.poor.discard(endpoint_id)
        else:
            if len(self.poor) >= KNOWN:
                self.poor.clear()  # the next attempts tell anew
            self.poor.add(endpoint_id)

    def _lane_of(self, endpoint: Endpoint) -> Lane:
        return self.others if self.is_poor(endpoint) else self.well
