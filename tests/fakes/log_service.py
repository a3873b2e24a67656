"""A log-service's world in memory. Its transactions roll back."""

import copy
from collections.abc import AsyncGenerator, Collection, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from common.contracts.logs import StoredLine
from log_service.domain.errors import TicketRefused
from log_service.domain.stream import Entry, Stream


class PowerCut(Exception):
    """The process ends here."""


@dataclass
class FakeStreams:
    rows: dict[str, Stream] = field(default_factory=dict)

    async def get_or_add(self, id: str, *, server_id: str) -> Stream:
        return self.rows.setdefault(id, Stream(id=id, server_id=server_id))

    async def find(self, id: str) -> Stream | None:
        return self.rows.get(id)

    async def save(self, stream: Stream) -> None:
        self.rows[stream.id] = stream


@dataclass
class FakeLines:
    rows: dict[str, list[tuple[str, Entry]]] = field(default_factory=dict)

    async def known(self, stream_id: str, *, writer: str, keys: Collection[str]) -> Set[str]:
        found = {entry.key for by, entry in self.rows.get(stream_id, []) if by == writer}
        return found & set(keys)

    async def add(self, stream_id: str, *, writer: str, entries: Sequence[Entry]) -> None:
        self.rows.setdefault(stream_id, []).extend((writer, entry) for entry in entries)

    async def after(self, stream_id: str, sequence: int, *, limit: int) -> Sequence[StoredLine]:
        found = [entry.line for _, entry in self.rows.get(stream_id, [])]
        return [line for line in found if line.sequence > sequence][:limit]


@dataclass
class FakeRecord:
    """A unit of work that can be cut before it commits or after."""

    streams: FakeStreams = field(default_factory=FakeStreams)
    lines: FakeLines = field(default_factory=FakeLines)
    announced: list[tuple[str, int]] = field(default_factory=list)
    cut: str | None = None

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator["FakeRecord"]:
        before = copy.deepcopy((self.streams.rows, self.lines.rows))
        try:
            yield self
            self._power("before commit")
        except BaseException:
            self.streams.rows, self.lines.rows = before
            raise
        self._power("after commit")

    async def announce(self, stream_id: str, sequence: int) -> None:
        self._power("before announcing")
        self.announced.append((stream_id, sequence))

    def _power(self, point: str) -> None:
        if self.cut == point:
            self.cut = None
            raise PowerCut(point)

    def told(self, stream_id: str) -> list[tuple[int, str]]:
        return [(entry.line.sequence, entry.line.text) for _, entry in self.lines.rows[stream_id]]


@dataclass
class FakeTickets:
    """Knows tickets by heart."""

    good: dict[str, str] = field(default_factory=dict)

    async def stream_of(self, ticket: str) -> str:
        if ticket not in self.good:
            raise TicketRefused
        return self.good[ticket]
