"""What the gateway does when somebody reads public events, once or for as long as they like."""

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import inf
from time import monotonic
from typing import Final

from common.bell import Bell
from gateway.domain.errors import TooManyStreams
from gateway.domain.publicity import Published
from gateway.handlers.recent_events import RecentEvents
from gateway.ports.public_events import Sought
from gateway.ports.work import UnitOfWork

PATIENCE: Final = 1.0  # seconds between two looks: another copy of the gateway rings no bell here
BELIEVED: Final = 1.0  # seconds: who was allowed to listen may hear what comes so soon after
PATROL: Final = 5.0  # seconds; while there is nothing to hear
AT_ONCE: Final = 200
SEATS: Final = 50  # streams of one user at one process


@dataclass(slots=True, kw_only=True)
class News:
    """Wakes those who follow events when there are some; closed, it lets them go."""

    bell: Bell = field(default_factory=Bell)
    recent: RecentEvents = field(default_factory=RecentEvents)
    followers: Counter[str] = field(default_factory=Counter[str])
    is_closed: bool = False

    def close(self) -> None:
        """End what would go on for ever: this process is about to."""
        self.is_closed = True
        self.bell.ring()

    @contextmanager
    def seat(self, user_id: str) -> Generator[None]:
        """Count a user as one who follows, while the block lasts. Raises ``TooManyStreams``."""
        if self.followers[user_id] >= SEATS:
            raise TooManyStreams(
                f"You follow events {SEATS} times at this gateway already.",
                remedy="Close some of the streams, or follow with one and share what it tells.",
            )
        self.followers[user_id] += 1
        try:
            yield
        finally:
            self.followers[user_id] -= 1
            self.followers += Counter()  # those who follow nowhere are forgotten


async def events_after(sought: Sought, *, work: UnitOfWork) -> Sequence[Published]:
    """Return events in the order of their positions."""
    async with work() as tx:
        return await tx.public_events.find(sought)


async def last_position(*, work: UnitOfWork) -> int:
    """Return where somebody begins who wants to hear only what is new."""
    async with work() as tx:
        return await tx.public_events.last_position()


async def follow(
    sought: Sought, *, work: UnitOfWork, news: News, check: Callable[[], Awaitable[None]]
) -> AsyncGenerator[Published]:
    """Tell events as they come, until there is no news any more.

    ``check`` raises when nobody may listen any longer; it is asked again before anything is told
    that it was not asked about for a second.
    """
    listener = news.bell.listener()
    checked = -inf
    while not news.is_closed:
        found, seen = await _next(sought, work=work, recent=news.recent, bell=news.bell)
        if monotonic() - checked >= (BELIEVED if found else PATROL):
            await check()
            checked = monotonic()
        for event in found:
            yield event
        if seen == sought.after:
            await listener.wait(PATIENCE)
        sought = replace(sought, after=seen)


async def _next(
    sought: Sought, *, work: UnitOfWork, recent: RecentEvents, bell: Bell
) -> tuple[Sequence[Published], int]:
    """Return some of what is sought, and up to which position that is all."""
    await recent.refresh(bell, work=work)
    end = max(recent.end, sought.after)  # before reading: what is read then holds all up to it
    found = recent.after(sought)
    if found is not None:
        return found, end
    found = await events_after(replace(sought, limit=AT_ONCE), work=work)
    if len(found) < AT_ONCE:
        return found, max(end, found[-1].position if found else end)
    return found, found[-1].position
