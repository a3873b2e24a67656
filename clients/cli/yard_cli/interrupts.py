"""Runs a coroutine to its end, or until the user or the system asks it to stop."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")
CLEARING_UP: Final = 20.0  # seconds; stopping every process of the stack takes less


def run(main: Coroutine[Any, Any, T]) -> T:
    """Return what ``main`` returns. Ctrl-C, SIGTERM and SIGHUP raise ``KeyboardInterrupt``.

    The first of them begins the clearing up; more of them, as the impatient send, do not cut it
    short until it had its time.
    """
    try:
        return asyncio.run(_until_signalled(main))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _until_signalled(main: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(main)
    loop = asyncio.get_running_loop()
    patient_until = 0.0

    def cancel() -> None:
        nonlocal patient_until
        if loop.time() >= patient_until:
            patient_until = loop.time() + CLEARING_UP
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, cancel)
    return await task
