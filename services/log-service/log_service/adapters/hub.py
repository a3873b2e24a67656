"""Fan a stream out: one reader per stream and process, however many viewers.

The reader follows the record, woken by announcements (and by a slow poll, should one get
lost), and puts encoded frames into the stream's backlog. A viewer reads the record itself
until it has reached the backlog and goes on from there. Both count by sequence, so there
is no seam where a line could be missing or come twice.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from common.bell import Bell
from log_service.domain.backlog import Backlog, Frame, frames
from log_service.domain.errors import TooSlow
from log_service.ports import ReadPage

log = logging.getLogger(__name__)

NEWEST: Final = 2**63 - 1
"""A position after every line: reading there tells where the stream stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a viewer may leave unread; how often the reader looks unasked, and at most (s)."""

    max_lines: int = 1000
    max_bytes: int = 256 * 1024
    poll: float = 2.0
    tick: float = 0.02
    fault_pause: float = 1.0


@dataclass(slots=True, kw_only=True, eq=False)
class _Feed:
    """What the viewers of one stream share."""

    backlog: Backlog
    ended: bool
    grown: Bell = field(default_factory=Bell)
    written: Bell = field(default_factory=Bell)
    viewers: int = 0


class Viewer:
    """One viewer's way through a stream."""

    def __init__(self, stream_id: str, feed: _Feed, *, after: int, read: ReadPage) -> None:
        self._stream_id = stream_id
        self._feed = feed
        self._after = after
        self._read = read
        self._is_live = False

    async def frames(self) -> AsyncGenerator[Frame]:
        """Give every line once and in order; end when the stream has ended."""
        async for frame in self._history():
            yield frame
            self._after = frame.last
        self._is_live = True
        grown = self._feed.grown.listener()
        while True:
            while frame := self._next():
                yield frame
                self._after = frame.last
            if self._feed.ended:
                return
            await grown.wait(60)

    async def fallen_behind(self) -> int:
        """Return, once the viewer has left too much unread, the sequence it has got to."""
        grown = self._feed.grown.listener()
        while not self._is_behind():
            await grown.wait(60)
        return self._after

    async def _history(self) -> AsyncGenerator[Frame]:
        while self._after < self._feed.backlog.start:
            page = await self._read(self._stream_id, self._after)
            if not page.lines:
                return
            for frame in frames(page.lines):
                yield frame

    def _next(self) -> Frame | None:
        if self._is_behind():
            raise TooSlow(self._after)
        return self._feed.backlog.next(self._after)

    def _is_behind(self) -> bool:
        return self._is_live and self._after < self._feed.backlog.start


class Hub:
    """Keeps a feed for every stream that is being watched."""

    def __init__(self, read: ReadPage, *, limits: Limits | None = None) -> None:
        self._read = read
        self._limits = limits or Limits()
        self._feeds: dict[str, _Feed] = {}
        self._readers: set[asyncio.Task[None]] = set()

    def wake(self, stream_id: str) -> None:
        """Hear that a stream has grown."""
        if feed := self._feeds.get(stream_id):
            feed.written.ring()

    @asynccontextmanager
    async def view(self, stream_id: str, *, after: int) -> AsyncGenerator[Viewer]:
        """Let a viewer in; the first one starts the reader, the last one stops it."""
        feed = await self._feed(stream_id)
        feed.viewers += 1
        try:
            yield Viewer(stream_id, feed, after=after, read=self._read)
        finally:
            feed.viewers -= 1
            if not feed.viewers:
                del self._feeds[stream_id]
                feed.written.ring()  # the reader sees that nobody is left

    async def _feed(self, stream_id: str) -> _Feed:
        if stream_id not in self._feeds:
            page = await self._read(stream_id, NEWEST)
            # While we looked, another viewer may have begun the same feed: theirs stays.
            self._begin(stream_id, start=page.last_sequence)
        return self._feeds[stream_id]

    def _begin(self, stream_id: str, *, start: int) -> None:
        if stream_id in self._feeds:
            return
        backlog = Backlog(
            start=start, max_lines=self._limits.max_lines, max_bytes=self._limits.max_bytes
        )
        feed = self._feeds[stream_id] = _Feed(backlog=backlog, ended=False)
        reader = asyncio.create_task(self._follow(stream_id, feed), name=f"reader of {stream_id}")
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)

    async def _follow(self, stream_id: str, feed: _Feed) -> None:
        written = feed.written.listener()
        while feed.viewers:
            try:
                has_more = await self._take_page(stream_id, feed)
            except Exception:
                log.exception("could not read the record", extra={"stream_id": stream_id})
                await asyncio.sleep(self._limits.fault_pause)
                continue
            if not has_more and feed.viewers:
                await written.wait(self._limits.poll)
                await asyncio.sleep(self._limits.tick)  # what comes together is read together

    async def _take_page(self, stream_id: str, feed: _Feed) -> bool:
        end = feed.backlog.end
        page = await self._read(stream_id, end)
        for frame in frames(page.lines):
            feed.backlog.add(frame)
            feed.grown.ring()
            await asyncio.sleep(0)  # the quick viewers' turn, before older frames have to go
        feed.ended = page.is_last(end)
        if feed.ended:
            feed.grown.ring()
        return bool(page.lines)
