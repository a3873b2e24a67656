"""The newest events, read once for all who follow: each picks its own out of them.

Positions become visible in order and without a gap, so that what was read up to a position is all
there is up to it.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from time import monotonic
from typing import Final

from common.bell import Bell
from gateway.domain.publicity import Published
from gateway.ports.public_events import Sought
from gateway.ports.work import UnitOfWork

KEPT: Final = 500
AT_ONCE: Final = 200
LOOK: Final = 0.9  # seconds: another copy of the gateway rings no bell here
MORE: Final = -1  # as often was no bell ever rung: there is more to read
STALE: Final = 30.0  # seconds; whatever came since then, those who follow it read themselves


@dataclass(slots=True)
class RecentEvents:
    """Holds every event after the position ``begin``, up to the position ``end``."""

    begin: int = 0
    end: int = 0
    _events: deque[Published] = field(default_factory=deque[Published])
    _read_at: float | None = None
    _rings: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def refresh(self, bell: Bell, *, work: UnitOfWork) -> None:
        """Read what is new, unless somebody did since the bell was rung."""
        if self._is_fresh(bell):
            return
        async with self._turn:
            if self._is_fresh(bell):
                return
            rings = bell.rings
            is_all = await self._read(work)
            self._rings, self._read_at = rings if is_all else MORE, monotonic()

    def after(self, sought: Sought) -> Sequence[Published] | None:
        """Return what is sought among those held; none: some of it is not held any more."""
        if sought.after < self.begin:
            return None
        newer = takewhile(lambda event: event.position > sought.after, reversed(self._events))
        return [event for event in newer if sought.is_met_by(event)][::-1]

    def _is_fresh(self, bell: Bell) -> bool:
        return self._age() < LOOK and bell.rings == self._rings

    def _age(self) -> float:
        return STALE if self._read_at is None else monotonic() - self._read_at

    async def _read(self, work: UnitOfWork) -> bool:
        """Read on, and tell whether that was all."""
        async with work() as tx:
            if self._age() >= STALE:
                self.begin = self.end = await tx.public_events.last_position()
                self._events.clear()
                return True
            everything = Sought(after=self.end, limit=AT_ONCE, owner_id=None)
            found = await tx.public_events.find(everything)
        self._hold(found)
        return len(found) < AT_ONCE

    def _hold(self, found: Sequence[Published]) -> None:
        for event in found:
            self._events.append(event)
            self.end = event.position
            if len(self._events) > KEPT:
                self.begin = self._events.popleft().position
