"""One writer or many readers, and a time limit that speaks Proxmox's words."""

import asyncio

import pytest

from proxmox_lab.clock import Clock
from proxmox_lab.refusal import Refusal
from proxmox_lab.tasks.locks import Locks

FAST = Clock(speed=1000)


async def test_a_second_writer_waits_and_then_gets_the_lock_files_text() -> None:
    locks = Locks(FAST)
    said: list[str] = []

    async with locks.config(100):
        with pytest.raises(Refusal) as refused:
            async with locks.config(100, say=said.append):
                raise AssertionError("nobody may come in")

    text = "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout"
    assert refused.value.text == text
    assert said == ["trying to acquire lock..."]


async def test_a_writer_who_waited_long_enough_goes_on() -> None:
    locks = Locks(Clock(speed=10))
    said: list[str] = []
    order: list[str] = []

    async def first() -> None:
        async with locks.config(100):
            await asyncio.sleep(0.02)
            order.append("first")

    async def second() -> None:
        await asyncio.sleep(0.005)
        async with locks.config(100, say=said.append):
            order.append("second")

    await asyncio.gather(first(), second())

    assert order == ["first", "second"]
    assert said == ["trying to acquire lock...", " OK"]


async def test_readers_share_and_keep_a_writer_out() -> None:
    locks = Locks(FAST)

    async with locks.config(100, shared=True), locks.config(100, shared=True):
        with pytest.raises(Refusal):
            await locks.config(100).__aenter__()

    assert not locks.is_held(100)


async def test_machines_do_not_wait_for_each_other() -> None:
    locks = Locks(FAST)

    async with locks.config(100), locks.config(101):
        assert locks.is_held(100)
        assert locks.is_held(101)
