import asyncio
from typing import cast

from proxmox_lab.guests.qemu.boot_slots import BootSlots
from proxmox_lab.guests.qemu.power import Powered


class Booting:
    """A guest that is up when told so."""

    def __init__(self) -> None:
        self.agent = self
        self.alive = True
        self.up = False

    async def ping(self) -> bool:
        return self.up


async def test_the_next_guest_boots_when_one_is_up() -> None:
    slots = BootSlots(1)
    guest = Booting()
    guest.up = True
    slots.watch(await slots.take(), cast("Powered", guest))

    await asyncio.wait_for(slots.take(), 2)

    await slots.close()


async def test_a_guest_that_went_off_holds_nobody_up() -> None:
    slots = BootSlots(1)
    guest = Booting()
    guest.alive = False
    slots.watch(await slots.take(), cast("Powered", guest))

    await asyncio.wait_for(slots.take(), 2)

    await slots.close()


async def test_closing_gives_every_slot_back() -> None:
    slots = BootSlots(1)
    slots.watch(await slots.take(), cast("Powered", Booting()))
    await asyncio.sleep(0)

    await slots.close()

    await asyncio.wait_for(slots.take(), 1)


async def test_a_slot_given_back_twice_counts_once() -> None:
    slots = BootSlots(1)
    slot = await slots.take()
    slot.give_back()
    slot.give_back()

    await slots.take()

    waiting = asyncio.ensure_future(slots.take())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    waiting.cancel()
