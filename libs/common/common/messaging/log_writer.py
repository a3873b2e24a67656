"""The fast way for log lines: gathered for a moment, then one message on the bus.

Lines written here are not in any transaction. They are kept in memory while the bus is
away, up to a bound, and their keys make a repeat harmless.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from nats.errors import Error as NATSError
from nats.js.errors import APIError

from common.contracts.logs import LogBatch, LogLine
from common.messaging.connection import Bus

log = logging.getLogger(__name__)

GATHER: Final = 0.05  # seconds
BATCH_LINES: Final = 200
BATCH_BYTES: Final = 64 * 1024
KEPT_LINES: Final = 20_000


class LogWriter:
    """Takes lines for any number of streams; publishes them in the order written."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._waiting: list[tuple[tuple[str, str, str], LogLine]] = []
        self._written = asyncio.Event()
        self._sent = asyncio.Condition()
        self._publishing = False

    def write(self, line: LogLine, *, stream_id: str, server_id: str, writer: str) -> None:
        """Take one line; returns at once. Beyond the bound the oldest lines give way."""
        self._waiting.append(((stream_id, server_id, writer), line))
        if len(self._waiting) > KEPT_LINES:
            del self._waiting[: len(self._waiting) - KEPT_LINES]
            log.error("log lines dropped: the bus has been away for too long")
        self._written.set()

    async def flush(self, *, timeout: float = 10) -> bool:
        """Wait until all written so far is on the bus; false if it took too long."""
        try:
            async with asyncio.timeout(timeout), self._sent:
                await self._sent.wait_for(lambda: not self._waiting and not self._publishing)
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            await self._written.wait()
            await asyncio.sleep(GATHER)
            self._written.clear()
            while self._waiting:
                await self._publish_first()
            async with self._sent:
                self._sent.notify_all()

    async def _publish_first(self) -> None:
        origin, lines = self._take()
        stream_id, server_id, writer = origin
        message = LogBatch(
            stream_id=stream_id, server_id=server_id, writer=writer, lines=tuple(lines)
        )
        headers: Mapping[str, str] = {"Nats-Msg-Id": message.id}
        self._publishing = True
        while True:
            try:
                await self._bus.js.publish(
                    message.subject, message.model_dump_json().encode(), headers=dict(headers)
                )
            except (NATSError, APIError, TimeoutError) as error:
                log.warning("log lines wait for the bus", extra={"error": repr(error)})
                await asyncio.sleep(0.5)
            else:
                self._publishing = False
                return

    def _take(self) -> tuple[tuple[str, str, str], list[LogLine]]:
        """Take the longest run of lines of one origin that fits into a message."""
        origin = self._waiting[0][0]
        lines: list[LogLine] = []
        size = 0
        for other, line in self._waiting[:BATCH_LINES]:
            size += len(line.text.encode()) + 200
            if other != origin or (lines and size > BATCH_BYTES):
                break
            lines.append(line)
        del self._waiting[: len(lines)]
        return origin, lines


@asynccontextmanager
async def log_writer(bus: Bus) -> AsyncGenerator[LogWriter]:
    """Run a writer for as long as the block lasts; flush it at the end."""
    writer = LogWriter(bus)
    loop = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        await writer.flush(timeout=3)
        loop.cancel()
