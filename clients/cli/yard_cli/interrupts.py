"""Runs a coroutine to its end, or until the user or the system asks it to stop."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Return what ``main`` returns. Ctrl-C, SIGTERM and SIGHUP raise ``KeyboardInterrupt``."""
    try:
        return asyncio.run(_until_signalled(main))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _until_signalled(main: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(main)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    return await task
