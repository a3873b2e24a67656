"""What all dispatchers of this process share: places, clocks, and who is to be left alone."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from gateway.domain.delivering import Schedule
from gateway.domain.endpoint import Endpoint
from gateway.handlers.attempts import Attempting
from gateway.handlers.places import Places

KNOWN: Final = 10_000  # endpoints whose pause is remembered


@dataclass(frozen=True, slots=True)
class Pause:
    """Until when an endpoint is left alone. ``revision``: as it was when that was learned."""

    end: float
    revision: int


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
    pauses: dict[str, Pause] = field(default_factory=dict[str, Pause])

    def pause_left(self, endpoint_id: str, revision: int) -> timedelta:
        """Return for how long an endpoint is to be left alone; zero: go.

        What was learned of it before somebody changed it does not count any more.
        """
        pause = self.pauses.get(endpoint_id)
        if pause is None or pause.revision != revision:
            return timedelta(0)
        return timedelta(seconds=max(pause.end - self.seconds(), 0.0))

    def pause(self, endpoint: Endpoint, time: timedelta) -> None:
        """Leave an endpoint alone for so long from now on."""
        now = self.seconds()
        if len(self.pauses) >= KNOWN:
            for past in [one for one, pause in self.pauses.items() if pause.end <= now]:
                del self.pauses[past]
        if time > timedelta(0):
            end = now + max(time, self.pause_left(endpoint.id, endpoint.revision)).total_seconds()
            self.pauses[endpoint.id] = Pause(end, endpoint.revision)
