"""The gate in a booting guest: it says when it waits, and lets one machine through with its own."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from proxmox_lab.guests.port import GuestFailure

# Several times what an overloaded machine needs.
READY_SECONDS: Final = 240.0
GONE_SECONDS: Final = 90.0
_CONNECT_EVERY: Final = 0.02
_CONNECT_SECONDS: Final = 10.0


class Gate:
    """The open channel to the gate of one guest."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def until_reached(self) -> None:
        """Wait until the boot stands at the gate."""
        await self._hear(b"READY", READY_SECONDS)

    async def let_through(self) -> None:
        """Give the machine the time and an id of its own; returns when it has taken them."""
        self._writer.write(f"GO {time.time():.3f} {uuid.uuid4().hex}\n".encode())
        await self._hear(b"GONE", GONE_SECONDS)

    async def _hear(self, word: bytes, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while (line := await self._reader.readline()).strip() != word:
                    if not line:
                        raise GuestFailure(f"the guest was gone before its gate said {word!r}")
        except TimeoutError:
            raise GuestFailure(f"its gate did not say {word!r} in {seconds:.0f} s") from None


@asynccontextmanager
async def at_gate(path: Path) -> AsyncGenerator[Gate]:
    """Connect, and hang up afterwards. Whoever listens late misses what was said before."""
    reader, writer = await _connect(path)
    try:
        yield Gate(reader, writer)
    finally:
        writer.close()


async def _connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    end = time.monotonic() + _CONNECT_SECONDS
    while True:
        try:
            return await asyncio.open_unix_connection(path)
        except OSError as refused:
            if time.monotonic() > end:
                raise GuestFailure(f"no gate answers: {refused}") from refused
            await asyncio.sleep(_CONNECT_EVERY)
