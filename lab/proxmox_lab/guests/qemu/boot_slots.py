"""How many guests boot at the same time: more than the processors can carry is slower for all."""

import asyncio
import time
from typing import Final

from proxmox_lab.guests.qemu.power import Powered

# A guest that has not come up by now will not be helped by further waiting of others.
_LONGEST_BOOT: Final = 90.0
_LOOK_EVERY: Final = 1.0


class BootSlot:
    """The right to boot; given back once."""

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free = free
        self._held = True

    def give_back(self) -> None:
        """Let the next one boot."""
        if self._held:
            self._held = False
            self._free.release()


class BootSlots:
    """Hands out slots and takes each back when its guest is up, off, or overdue."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)
        self._watches: set[asyncio.Task[None]] = set()

    async def take(self) -> BootSlot:
        """Wait for a slot."""
        await self._free.acquire()
        return BootSlot(self._free)

    def watch(self, slot: BootSlot, powered: Powered) -> None:
        """Give the slot back when the guest's agent answers."""
        task = asyncio.create_task(_until_up(slot, powered))
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)

    async def close(self) -> None:
        """Watch no more."""
        for task in tuple(self._watches):
            task.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)


async def _until_up(slot: BootSlot, powered: Powered) -> None:
    end = time.monotonic() + _LONGEST_BOOT
    try:
        while powered.alive and time.monotonic() < end:
            if await powered.agent.ping():
                return
            await asyncio.sleep(_LOOK_EVERY)
    finally:
        slot.give_back()
