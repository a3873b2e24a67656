"""A bell that wakes every loop waiting for it: rung after each commit.

Rung quietly, it wakes only those who wait for any ring: a commit in the midst of long work is to
be told to others, but leaves nothing for anybody to begin.
"""

import asyncio


class Bell:
    """Many may wait, anyone may ring. A ring between two waits of one listener is not lost."""

    def __init__(self) -> None:
        self._any = _Chime()
        self._loud = _Chime()

    def ring(self, *, quietly: bool = False) -> None:
        """Wake all who wait; quietly, only those who wait for any ring."""
        self._any.strike()
        if not quietly:
            self._loud.strike()

    def listener(self, *, hears_all: bool = True) -> "Listener":
        """Return a listener of its own for one loop."""
        return Listener(self._any if hears_all else self._loud)

    @property
    def rings(self) -> int:
        """How often it was rung."""
        return self._any.strikes


class _Chime:
    """What sounds when the bell is rung."""

    def __init__(self) -> None:
        self.strikes = 0
        self._struck = asyncio.Event()

    def strike(self) -> None:
        self.strikes += 1
        self._struck.set()
        self._struck = asyncio.Event()

    async def next(self) -> None:
        await self._struck.wait()


class Listener:
    """One loop's ear: hears at once what was rung since it last listened."""

    def __init__(self, chime: _Chime) -> None:
        self._chime = chime
        self._heard = chime.strikes

    async def wait(self, timeout: float) -> None:
        """Return when the bell was rung since the last call, or after ``timeout`` seconds."""
        if self._heard == self._chime.strikes:
            try:
                async with asyncio.timeout(timeout):
                    await self._chime.next()
            except TimeoutError:
                pass
        self._heard = self._chime.strikes
