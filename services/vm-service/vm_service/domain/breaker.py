"""Mercy for a node that does not answer: it is asked less, and repeated questions are rationed."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FAILURES: Final = 5  # in a row, after which nobody is let through
FIRST_REST: Final = 1.0  # seconds before one is let through to see
LONGEST_REST: Final = 30.0

MOST_RETRIES: Final = 10.0  # that may follow each other
SHARE: Final = 0.25  # retries that every first call allows


@dataclass(slots=True)
class Breaker:
    """Closed, it lets everybody through. Open, nobody; half open, one call at a time.

    After so many failures in a row it opens; a success closes it. ``chance`` gives numbers
    from 0 to 1, for the jitter.
    """

    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random
    failures: int = 0
    _opens_at: float = 0.0
    _is_trying: bool = False

    @property
    def is_open(self) -> bool:
        """Tell whether somebody has to prove first that it answers again."""
        return self.failures >= FAILURES

    def rest(self) -> float:
        """Return the seconds until somebody is let through; none are left if that is now."""
        if not self.is_open:
            return 0.0
        left = max(0.0, self._opens_at - self.clock())
        return FIRST_REST if self._is_trying and not left else left

    def enter(self) -> None:
        """Count a call that is let through."""
        self._is_trying = self.is_open

    def succeed(self) -> None:
        """It answered, whatever it said."""
        self.failures = 0
        self._is_trying = False

    def fail(self) -> None:
        """It did not answer."""
        self.failures += 1
        self._is_trying = False
        if self.is_open:
            rest = min(LONGEST_REST, FIRST_REST * 2.0 ** min(self.failures - FAILURES, 10))
            self._opens_at = self.clock() + rest * (0.5 + self.chance() / 2)

    def let_go(self) -> None:
        """Nobody waited for the answer; the next one may try."""
        self._is_trying = False


@dataclass(slots=True)
class RetryBudget:
    """Repeated questions, so many for each first one, that a sick node is not asked many times."""

    left: float = MOST_RETRIES

    def earn(self) -> None:
        """Count a first call."""
        self.left = min(MOST_RETRIES, self.left + SHARE)

    def spend(self) -> bool:
        """Take one retry, if there is one left."""
        if self.left < 1:
            return False
        self.left -= 1
        return True
