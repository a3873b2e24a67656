"""Public events: those of late, and each as it comes, once and in order.

The position last seen is the cursor: a stream that breaks is opened again after it.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import httpx
from httpx_sse import EventSource
from pydantic import AwareDatetime, Field, JsonValue

from yard_cli.client.answers import read, understood
from yard_cli.client.models import Answer
from yard_cli.client.wire import Query, Wire
from yard_cli.failure import Failure

PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 5.0, 10.0, 10.0, 10.0, 15.0)  # a minute in all


class Event(Answer, frozen=True):
    """A public event, in its envelope."""

    id: str
    type: str
    subject: str
    time: AwareDatetime
    sequence: str
    data: dict[str, JsonValue] = Field(default_factory=dict)


class Told(Answer, frozen=True):
    """An event at its position among all."""

    position: int
    event: Event


class Events(Answer, frozen=True):
    """A page of events. ``next_after``: where to go on."""

    items: tuple[Told, ...]
    next_after: int


async def latest(wire: Wire, *, query: Query, count: int) -> Events:
    """Return the last events, oldest first."""
    wanted = {**query, "newest": "true", "limit": str(count)}
    return read(Events, await wire.call("GET", "/v1/events", query=wanted))


async def following(wire: Wire, *, query: Query, count: int) -> AsyncGenerator[Told]:
    """Yield the last events, then each as it comes, for ever."""
    page = await latest(wire, query=query, count=count)
    for told in page.items:
        yield told
    async with aclosing(_live(wire, query=query, after=page.next_after)) as events:
        async for told in events:
            yield told


async def _live(wire: Wire, *, query: Query, after: int) -> AsyncGenerator[Told]:
    failures = 0
    while True:
        try:
            async with wire.stream(
                "/v1/events/stream", query=query, headers={"Last-Event-ID": str(after)}
            ) as response:
                async for message in EventSource(response).aiter_sse():
                    failures = 0
                    if message.data:
                        after = int(message.id)
                        yield Told(position=after, event=understood(Event, message.data.encode()))
        except httpx.TransportError as error:
            failures += 1
            if failures > len(PAUSES):
                raise Failure(
                    f"the events cannot be followed ({type(error).__name__})",
                    "see whether all services are well: ./yard status",
                ) from error
        await asyncio.sleep(PAUSES[max(failures, 1) - 1])
