"""Connections kept for the next delivery: a pool of its own for each origin, while it is in use.

A single pool of the library's asks each connection that it holds about itself at each request, and
counts busy ones as kept too: with a hundred origins that costs more than sending does.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

import httpcore

from gateway.domain.target import Target

KEPT: Final = 128  # origins nobody is asked at; of each as many connections as were in use at once
KEPT_FOR: Final = 4.0  # seconds; many servers let go after 5, and a race with that is a failure
MOMENT: Final = 0.01  # seconds that a timer may be early

Origin = tuple[bool, str, int]


@dataclass(slots=True)
class _Kept:
    pool: httpcore.AsyncConnectionPool
    users: int = 0


@dataclass(slots=True)
class KeptConnections:
    """Gives pools to connect by. ``make``: a new one, for TLS or not, that keeps its idle ones."""

    make: Callable[[bool], httpcore.AsyncConnectionPool]
    _by_origin: dict[Origin, _Kept] = field(default_factory=dict[Origin, _Kept])
    # Those in no use, the longest first, and since when.
    _unused: OrderedDict[Origin, float] = field(default_factory=OrderedDict[Origin, float])
    _closing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def to(self, target: Target) -> AsyncGenerator[httpcore.AsyncConnectionPool]:
        """Give a pool for as long as the block lasts; what is old elsewhere is closed."""
        origin = (target.encrypted, target.host, target.port)
        kept = self._by_origin.get(origin)
        if kept is None:
            kept = self._by_origin[origin] = _Kept(self.make(target.encrypted))
        self._unused.pop(origin, None)
        kept.users += 1
        try:
            await self._close_old()
            yield kept.pool
        finally:
            kept.users -= 1
            if not kept.users:
                self._unused[origin] = monotonic()
                if self._closing is None or self._closing.done():
                    self._closing = asyncio.create_task(self._close_in_time())

    async def aclose(self) -> None:
        """Close all connections."""
        if self._closing is not None:
            self._closing.cancel()
            await asyncio.wait([self._closing])
        self._unused.clear()
        while self._by_origin:
            _, kept = self._by_origin.popitem()
            await kept.pool.aclose()

    async def _close_in_time(self) -> None:
        """Close what grows old, though nobody should send any more."""
        while self._unused:
            since = next(iter(self._unused.values()))
            await asyncio.sleep(max(since + KEPT_FOR - monotonic(), 0) + MOMENT)
            await self._close_old()

    async def _close_old(self) -> None:
        while self._unused:
            origin, since = next(iter(self._unused.items()))
            if len(self._unused) <= KEPT and monotonic() - since <= KEPT_FOR:
                return
            del self._unused[origin]
            await self._by_origin.pop(origin).pool.aclose()
