"""What many ask for at the same time, done in one go: who comes meanwhile goes with the next.

Nobody waits for company: the first goes at once, and alone if nobody else is there.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import Context
from typing import Final, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

MOST: Final = 50


class Together(Generic[T, R]):
    """``do`` returns a result for each, in order; an exception among them is raised to its asker.

    If ``do`` itself raises, each is done alone, so that none fails for another's sake; but if it
    could not reach what it needs (``ConnectionError``), that is everybody's.
    """

    def __init__(
        self, do: Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]], *, most: int = MOST
    ) -> None:
        self._do = do
        self._most = most
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._going: asyncio.Task[None] | None = None

    async def __call__(self, one: T) -> R:
        """Do it, and return its result."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, future))
        if self._going is None or self._going.done():
            # It is for all who ask: nobody's context is that of the others.
            self._going = asyncio.create_task(self._go(), context=Context())
        return await future

    async def aclose(self) -> None:
        """Stop; who still waits is cancelled."""
        if self._going is not None:
            self._going.cancel()
            with suppress(asyncio.CancelledError):
                await self._going
        while self._waiting:
            self._waiting.popleft()[1].cancel()

    async def _go(self) -> None:
        while self._waiting:
            several = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            await self._serve([entry for entry in several if not entry[1].done()])

    async def _serve(self, several: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._do([one for one, _ in several])
        except asyncio.CancelledError:
            for _, future in several:
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001  it is raised to who asked
            if len(several) > 1 and not isinstance(error, ConnectionError):
                for entry in several:
                    await self._serve([entry])
                return
            results = [error] * len(several)
        for (_, future), result in zip(several, results, strict=True):
            _settle(future, result)


def _settle(future: "asyncio.Future[R]", result: R | Exception) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
