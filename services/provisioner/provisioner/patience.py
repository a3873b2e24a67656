"""Waiting for what comes up in its own time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from provisioner.domain.errors import NotYet, StepFailed

T = TypeVar("T")

PAUSE: Final = 0.5  # seconds between two questions


async def patiently(
    ask: Callable[[], Awaitable[T]], *, seconds: float, complaint: str, remedy: str
) -> T:
    """Ask until there is an answer; when patience ends, say what the last try met."""
    met = "no answer"
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return await ask()
                except NotYet as problem:
                    met, remedy = str(problem), problem.remedy or remedy
                await asyncio.sleep(PAUSE)
    except TimeoutError:
        why = f"{complaint} within {seconds:.0f} s: {met}"
        raise StepFailed(why, remedy=remedy) from None
