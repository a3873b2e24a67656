"""Whose guest agent is asked next: only a few at once, and last who is known to be silent."""

import asyncio
import heapq
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count

from vm_service.domain.trouble import Trouble, Verdict

Waiting = tuple[int, int, asyncio.Future[None]]


class Audience:
    """The agents of one node.

    Each silent one costs whoever asks seconds. So guests that were silent less often in a row go
    first: one that boots does not wait for a crowd of others that will never answer.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._silences: dict[int, int] = {}
        self._waiting: list[Waiting] = []
        self._numbers = count()

    @asynccontextmanager
    async def turn(self, vmid: int) -> AsyncGenerator[None]:
        """Wait until this guest may be asked; learn from how that ends."""
        await self._take(self._silences.get(vmid, 0))
        try:
            yield
            self._silences.pop(vmid, None)
        except Trouble as trouble:
            if trouble.verdict is Verdict.NOT_YET:
                self._silences[vmid] = self._silences.get(vmid, 0) + 1
            raise
        finally:
            self._give_back()

    async def _take(self, silences: int) -> None:
        if self._free:
            self._free -= 1
            return
        called = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (silences, next(self._numbers), called))
        try:
            await called
        except asyncio.CancelledError:
            if not called.cancelled():  # it was our turn just now
                self._give_back()
            raise

    def _give_back(self) -> None:
        while self._waiting:
            called = heapq.heappop(self._waiting)[-1]
            if not called.done():
                called.set_result(None)
                return
        self._free += 1
