"""What the gateway does when somebody reads public events, once or for as long as they like."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from common.bell import Bell
from gateway.domain.publicity import Published
from gateway.ports.public_events import Sought
from gateway.ports.work import UnitOfWork

PATIENCE: Final = 1.0  # seconds between two looks: another copy of the gateway rings no bell here
AT_ONCE: Final = 200


@dataclass(slots=True, kw_only=True)
class News:
    """Wakes those who follow events when there are some; closed, it lets them go."""

    bell: Bell = field(default_factory=Bell)
    is_closed: bool = False

    def close(self) -> None:
        """End what would go on for ever: this process is about to."""
        self.is_closed = True
        self.bell.ring()


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

    ``check`` raises when nobody may listen any longer.
    """
    listener = news.bell.listener()
    while not news.is_closed:
        await check()
        found = await events_after(replace(sought, limit=AT_ONCE), work=work)
        for event in found:
            yield event
        if found:
            sought = replace(sought, after=found[-1].position)
        else:
            await listener.wait(PATIENCE)
