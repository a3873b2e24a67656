"""The lab's clock: real time, with waits that can be made shorter."""

import asyncio
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Waits are divided by ``speed``; the time of day is the real one."""

    speed: float = 1.0

    def now(self) -> float:
        return time.time()

    def scaled(self, seconds: float) -> float:
        """Say how long a wait of ``seconds`` takes here."""
        return seconds / self.speed

    async def sleep(self, seconds: float) -> None:
        """Wait as long as Proxmox would, scaled."""
        await asyncio.sleep(self.scaled(seconds))
