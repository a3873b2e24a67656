"""Waiting for what comes up in its own time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from provisioner.domain.errors import NotYet, StepFailed

T = TypeVar("T")

PAUSE: Final = 0.5  # seconds between two questions
LONGEST_PAUSE: Final = 30.0


async def patiently(
    ask: Callable[[], Awaitable[T]],
    *,
    seconds: float,
    complaint: str,
    remedy: str,
    growth: float = 1.0,
) -> T:
    """Ask until there is an answer; when patience ends, say what the last try met.

    ``growth``: of each pause; more than one for those who are not ours to be asked on and on.
    """
    met, pause = "no answer", PAUSE
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return await ask()
                except NotYet as problem:
                    met, remedy = str(problem), problem.remedy or remedy
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * growth)
    except TimeoutError:
        why = f"{complaint} within {seconds:.0f} s: {met}"
        raise StepFailed(why, remedy=remedy) from None
