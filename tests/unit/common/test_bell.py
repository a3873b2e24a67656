"""A ring is heard by all who wait, and not lost between two waits."""

import asyncio

from common.bell import Bell


async def test_all_who_wait_are_woken():
    bell = Bell()
    waits = [asyncio.ensure_future(bell.listener().wait(5)) for _ in range(3)]
    await asyncio.sleep(0)

    bell.ring()

    async with asyncio.timeout(10):
        await asyncio.gather(*waits)


async def test_a_ring_between_two_waits_is_heard_at_once():
    bell = Bell()
    listener = bell.listener()

    bell.ring()

    async with asyncio.timeout(10):
        await listener.wait(60)


async def test_without_a_ring_the_wait_ends_by_itself():
    await Bell().listener().wait(0.01)


async def test_a_quiet_ring_wakes_only_those_who_wait_for_any():
    bell = Bell()
    some, all_rings = bell.listener(hears_all=False), bell.listener()
    waiting = asyncio.ensure_future(some.wait(60))
    await asyncio.sleep(0)

    bell.ring(quietly=True)
    async with asyncio.timeout(10):
        await all_rings.wait(60)
    assert not waiting.done()

    bell.ring()
    async with asyncio.timeout(10):
        await asyncio.gather(waiting, all_rings.wait(60))
