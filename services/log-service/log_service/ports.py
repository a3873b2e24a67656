"""What the log-service needs from the world."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence, Set
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from common.contracts.logs import StoredLine
from log_service.domain.backlog import Frame
from log_service.domain.stream import Entry, Page, Stream


class Streams(Protocol):
    """How far each stream has come, for as long as one transaction lasts."""

    async def get_or_add(self, id: str, *, server_id: str) -> Stream:
        """Return the stream, locked until the transaction ends."""
        ...

    async def find(self, id: str) -> Stream | None:
        """Return the stream, or ``None`` before its first line."""
        ...

    async def save(self, stream: Stream) -> None:
        """Record how far it has come."""
        ...


class Lines(Protocol):
    """The record, for as long as one transaction lasts."""

    async def known(self, stream_id: str, *, writer: str, keys: Collection[str]) -> Set[str]:
        """Return those of a writer's keys that are in the record."""
        ...

    async def add(self, stream_id: str, *, writer: str, entries: Sequence[Entry]) -> None:
        """Append entries."""
        ...

    async def after(self, stream_id: str, sequence: int, *, limit: int) -> Sequence[StoredLine]:
        """Return the lines that follow, in order."""
        ...


class Work(Protocol):
    """What is within reach inside a transaction."""

    @property
    def streams(self) -> Streams:
        """The streams."""
        ...

    @property
    def lines(self) -> Lines:
        """Their lines."""
        ...


UnitOfWork = Callable[[], AbstractAsyncContextManager[Work]]

Announce = Callable[[str, int], Awaitable[None]]
"""Tell all copies that a stream (first) has grown to a sequence (second). Never raises."""

ReadPage = Callable[[str, int], Awaitable[Page]]
"""Read the lines of a stream (first) that follow a sequence (second)."""


class Tickets(Protocol):
    """The gateway's word on who may see what."""

    async def stream_of(self, ticket: str) -> str:
        """Return the id of the stream a ticket opens. Raises ``TicketRefused``."""
        ...


class View(Protocol):
    """One viewer's way through a stream."""

    def frames(self) -> AsyncIterator[Frame]:
        """Give every line once and in order; end when the stream has ended."""
        ...

    async def fallen_behind(self) -> int:
        """Return, once the viewer has left too much unread, the sequence it has got to."""
        ...


class Hub(Protocol):
    """Fans streams out to their viewers."""

    def view(self, stream_id: str, *, after: int) -> AbstractAsyncContextManager[View]:
        """Let a viewer in."""
        ...
