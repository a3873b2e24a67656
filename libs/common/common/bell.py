"""A bell that wakes every loop waiting for it: rung after each commit."""

import asyncio


class Bell:
    """Many may wait, anyone may ring. A ring between two waits of one listener is not lost."""

    def __init__(self) -> None:
        self._rings = 0
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake all who wait."""
        self._rings += 1
        self._rung.set()
        self._rung = asyncio.Event()

    def listener(self) -> "Listener":
        """Return a listener of its own for one loop."""
        return Listener(self)

    @property
    def rings(self) -> int:
        """How often it was rung."""
        return self._rings

    async def next_ring(self) -> None:
        """Wait for the next ring."""
        await self._rung.wait()


class Listener:
    """One loop's ear: hears at once what was rung since it last listened."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._heard = bell.rings

    async def wait(self, timeout: float) -> None:
        """Return when the bell was rung since the last call, or after ``timeout`` seconds."""
        if self._heard == self._bell.rings:
            try:
                async with asyncio.timeout(timeout):
                    await self._bell.next_ring()
            except TimeoutError:
                pass
        self._heard = self._bell.rings
