"""The lab's clock: real time of day, with waits that can be made shorter, also while they last."""

import asyncio
import time


class Clock:
    """Waits are divided by ``speed``; the time of day is the real one."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._lived = 0.0  # seconds of the lab until the speed last changed
        self._since = time.monotonic()
        self._changed = asyncio.Event()

    @property
    def speed(self) -> float:
        return self._speed

    def now(self) -> float:
        return time.time()

    def lived(self) -> float:
        """Return the seconds that have passed in the lab, faster than ours by its speed."""
        return self._lived + (time.monotonic() - self._since) * self._speed

    def run_at(self, speed: float) -> None:
        """Change the speed; waits that are going on follow."""
        if speed <= 0:
            raise ValueError("must be greater than 0")
        self._lived, self._since, self._speed = self.lived(), time.monotonic(), speed
        self._changed.set()
        self._changed = asyncio.Event()

    def shown(self) -> str:
        """Write the present moment as logs do."""
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self.now()))

    def scaled(self, seconds: float) -> float:
        """Say how long a wait of ``seconds`` takes here."""
        return seconds / self._speed

    async def sleep(self, seconds: float) -> None:
        """Wait as long as Proxmox would, scaled."""
        end = self.lived() + seconds
        while (left := end - self.lived()) > 0:
            changed = self._changed
            try:
                async with asyncio.timeout(self.scaled(left)):
                    await changed.wait()
            except TimeoutError:
                return
