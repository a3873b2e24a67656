"""The lab's clock: waits are divided by its speed, also those that are going on."""

import asyncio
import time

import pytest

from proxmox_lab.clock import Clock


async def test_a_wait_is_divided_by_the_speed() -> None:
    clock, begun = Clock(1000), time.monotonic()

    await clock.sleep(100)

    assert 0.09 <= time.monotonic() - begun < 10


async def test_a_wait_that_is_going_on_follows_a_new_speed() -> None:
    clock = Clock()
    waiting = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0.01)

    clock.run_at(1_000_000)

    async with asyncio.timeout(10):
        await waiting


def test_the_seconds_lived_go_on_where_they_were_when_the_speed_changes() -> None:
    clock = Clock(1000)
    before = clock.lived()

    clock.run_at(1)

    assert before <= clock.lived() < before + 1000 * 10


def test_time_does_not_stand_still_nor_run_backwards() -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Clock().run_at(0)
