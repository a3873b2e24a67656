"""What the gateway does when somebody reads public events, once or for as long as they like."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from common.bell import Bell
from gateway.domain.publicity import Published
from gateway.ports.public_events import Sought
from gateway.ports.work import UnitOfWork

PATIENCE: Final = 1.0  # seconds between two looks: another copy of the gateway rings no bell here
AT_ONCE: Final = 200


async def events_after(sought: Sought, *, work: UnitOfWork) -> Sequence[Published]:
    """Return events in the order of their positions."""
    async with work() as tx:
        return await tx.public_events.find(sought)


async def last_position(*, work: UnitOfWork) -> int:
    """Return where somebody begins who wants to hear only what is new."""
    async with work() as tx:
        return await tx.public_events.last_position()


async def follow(
    sought: Sought, *, work: UnitOfWork, told: Bell, check: Callable[[], Awaitable[None]]
) -> AsyncGenerator[Published]:
    """Tell events for ever, as they come. ``check`` raises when nobody may listen any longer."""
    listener = told.listener()
    while True:
        await check()
        found = await events_after(replace(sought, limit=AT_ONCE), work=work)
        for event in found:
            yield event
        if found:
            sought = replace(sought, after=found[-1].position)
        else:
            await listener.wait(PATIENCE)
