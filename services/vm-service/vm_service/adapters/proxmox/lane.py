"""The way to one node: only so many calls at once, and none while it does not answer."""

import asyncio
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from vm_service.adapters.proxmox.wire import Silence
from vm_service.domain.breaker import Breaker, RetryBudget
from vm_service.domain.trouble import Trouble, Verdict

AT_ONCE: Final = 8  # so that one sick node never holds all our threads


class NotAsked(Silence):
    """The call was not made: the node has not answered for a while."""


class Crowded(Trouble):
    """The call was not made: too many others are under way."""

    def __init__(self, name: str) -> None:
        super().__init__(Verdict.BUSY, f"{name} has too much to do; it was not asked")


@dataclass(slots=True)
class Lane:
    """``name``: whom the lane leads to, in words."""

    name: str
    breaker: Breaker = field(default_factory=Breaker)
    budget: RetryBudget = field(default_factory=RetryBudget)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def turn(self) -> None:
        """Wait for one of the places; it is given back by ``hold``."""
        await self._turns.acquire()

    def hold(self, call: Future[Any]) -> None:
        """Give the place back when the call has really ended, though nobody may wait for it."""
        loop = asyncio.get_running_loop()

        def give_back(_: Future[Any]) -> None:
            with suppress(RuntimeError):  # the loop has ended before
                loop.call_soon_threadsafe(self._turns.release)

        call.add_done_callback(give_back)

    @contextmanager
    def attempt(self) -> Generator[None]:
        """Let a call through, or raise ``NotAsked``; learn from how it ends."""
        rest = self.breaker.rest()
        if rest > 0:
            raise NotAsked(
                f"{self.name} has not answered {self.breaker.failures} times in a row; "
                f"it is not asked for the next {rest:.1f} s"
            )
        self.breaker.enter()
        try:
            yield
        except Silence:
            self.breaker.fail()
            raise
        except Crowded:
            self.breaker.let_go()
            raise
        except Trouble:
            self.breaker.succeed()  # it answered
            raise
        except BaseException:
            self.breaker.let_go()
            raise
        self.breaker.succeed()
