"""What all dispatchers of this process share: places, clocks, and who is to be left alone."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from gateway.domain.delivering import Schedule
from gateway.handlers.attempts import Attempting
from gateway.handlers.places import Places

KNOWN: Final = 10_000  # endpoints whose pause is remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchState:
    """``pauses``: endpoints that nobody goes to before a time, by ``seconds``, which only go on.

    What lives in memory alone goes by these; ``sleep`` too.
    """

    attempting: Attempting
    clock: Callable[[], datetime]
    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    schedule: Schedule = field(default_factory=Schedule)
    chance: Callable[[], float] = random.random
    places: Places = field(default_factory=Places)
    pauses: dict[str, float] = field(default_factory=dict[str, float])

    def pause_left(self, endpoint_id: str) -> timedelta:
        """Return for how long an endpoint is to be left alone; zero: go."""
        end = self.pauses.get(endpoint_id)
        return timedelta(seconds=0 if end is None else max(end - self.seconds(), 0.0))

    def pause(self, endpoint_id: str, time: timedelta) -> None:
        """Leave an endpoint alone for so long from now on."""
        now = self.seconds()
        if len(self.pauses) >= KNOWN:
            for past in [one for one, end in self.pauses.items() if end <= now]:
                del self.pauses[past]
        if time > timedelta(0):
            end = now + time.total_seconds()
            self.pauses[endpoint_id] = max(end, self.pauses.get(endpoint_id, end))
