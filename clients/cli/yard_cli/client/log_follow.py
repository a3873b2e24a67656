"""Follows an operation's log: history first, then live, without gap or repeat.

The line last seen is the cursor: a connection that breaks is made again, with a fresh ticket,
after that line.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from yard_cli.client.api import Gateway
from yard_cli.client.models import Answer, Line
from yard_cli.failure import Failure

PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 5.0)


class Lines(Answer, frozen=True):
    """A frame with lines."""

    type: Literal["lines"]
    lines: tuple[Line, ...]


class End(Answer, frozen=True):
    """The frame after the last line there will ever be."""

    type: Literal["end"]


class Other(Answer, frozen=True):
    """A frame of a kind that came after this command line."""

    type: str


Frame = Annotated[Lines | End | Other, Field(union_mode="left_to_right")]
_frame: TypeAdapter[Lines | End | Other] = TypeAdapter(Frame)


async def follow(gateway: Gateway, operation_id: str, *, after: int = 0) -> AsyncGenerator[Line]:
    """Yield each line once, in order, until the log has ended."""
    failures = 0
    while True:
        try:
            async with aclosing(_connection(gateway, operation_id, after=after)) as frames:
                async for frame in frames:
                    failures = 0
                    if isinstance(frame, End):
                        return
                    for line in frame.lines:
                        if line.sequence > after:
                            after = line.sequence
                            yield line
        except (OSError, TimeoutError, WebSocketException) as error:
            failures += 1
            if failures > len(PAUSES):
                raise Failure(
                    f"the log of {operation_id} cannot be followed: {error}",
                    "see whether all services are well: ./yard status",
                ) from error
        await asyncio.sleep(PAUSES[min(failures, len(PAUSES)) - 1] if failures else 0.1)


async def _connection(
    gateway: Gateway, operation_id: str, *, after: int
) -> AsyncGenerator[Lines | End]:
    ticket = await gateway.log_ticket(operation_id)
    async with connect(ticket.stream_url, proxy=None, open_timeout=10) as socket:
        # In the first frame, not in the address: addresses end up in other people's logs.
        greeting = {"type": "auth", "ticket": ticket.ticket, "after": after}
        await socket.send(json.dumps(greeting))
        async for text in socket:
            frame = _frame.validate_json(text)
            if not isinstance(frame, Other):
                yield frame
