"""Ctrl-C ends a command once it has cleared up, however often it is pressed."""

import asyncio
import os
import signal

import pytest

from yard_cli.interrupts import run


def test_pressing_ctrl_c_again_does_not_cut_the_clearing_up_short():
    cleared: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(10)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0.05)
            cleared.append("all")

    with pytest.raises(KeyboardInterrupt):
        run(work())

    assert cleared == ["all"]
