"""What all couriers of this process share: the places, the clock, and who is to be left alone."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from gateway.domain.delivering import Schedule
from gateway.domain.endpoint import Endpoint
from gateway.handlers.attempts import Attempting

PLACES: Final = 40  # attempts at a time at endpoints that do well …
PLACES_OF_FAILING: Final = 10  # … and at those that fail: many that hang keep nobody else waiting
KNOWN: Final = 10_000  # endpoints whose pause is remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Depot:
    """``pauses``: endpoints that nobody goes to before a time. ``sleep`` goes by ``clock``."""

    attempting: Attempting
    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    schedule: Schedule = field(default_factory=Schedule)
    chance: Callable[[], float] = random.random
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PLACES))
    places_of_failing: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(PLACES_OF_FAILING)
    )
    pauses: dict[str, datetime] = field(default_factory=dict[str, datetime])

    def places_for(self, endpoint: Endpoint) -> asyncio.Semaphore:
        """Return where an attempt at it waits for its turn."""
        return self.places_of_failing if endpoint.failing_since else self.places

    def pause_left(self, endpoint_id: str) -> timedelta:
        """Return for how long an endpoint is to be left alone; zero: go."""
        now = self.clock()
        return max(self.pauses.get(endpoint_id, now) - now, timedelta(0))

    def pause(self, endpoint_id: str, *, until: datetime) -> None:
        """Leave an endpoint alone until then."""
        now = self.clock()
        if len(self.pauses) >= KNOWN:
            for past in [one for one, end in self.pauses.items() if end <= now]:
                del self.pauses[past]
        if until > now:
            self.pauses[endpoint_id] = max(until, self.pauses.get(endpoint_id, until))
