"""How long a step is tried again, for each kind of trouble."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from vm_service.domain.trouble import Verdict

HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most so many tries, for at most so many seconds since the first."""

    tries: int = 1_000_000
    seconds: float = HOUR


UPWARDS: Final[Mapping[Verdict, Limit]] = {
    Verdict.BUSY: Limit(seconds=600),
    Verdict.UNKNOWN: Limit(seconds=1800),
    Verdict.FAULT: Limit(tries=5),
    Verdict.DENIED: Limit(tries=2),
    Verdict.REFUSED: Limit(tries=1),
    Verdict.TAKEN: Limit(tries=5),
    Verdict.ABSENT: Limit(tries=3),
    Verdict.ALREADY: Limit(tries=5),
    Verdict.RUNNING: Limit(tries=5),
    Verdict.NOT_RUNNING: Limit(tries=5),
    Verdict.NOT_YET: Limit(seconds=300),
    Verdict.DEAF: Limit(tries=2),
}

# What was built must go, even if Proxmox is away for a day.
DOWNWARDS: Final[Mapping[Verdict, Limit]] = {
    **UPWARDS,
    Verdict.UNKNOWN: Limit(seconds=24 * HOUR),
}

# Whoever called something off waits for an answer; that nothing can be seen is one as well.
OBSERVING: Final[Mapping[Verdict, Limit]] = dict.fromkeys(Verdict, Limit(seconds=20))

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 8.0


@dataclass(slots=True, kw_only=True)
class Patience:
    """One step's patience. ``chance`` gives numbers from 0 to 1, for the jitter."""

    limits: Mapping[Verdict, Limit]
    chance: Callable[[], float] = random.random
    _met: dict[Verdict, tuple[int, float]] = field(default_factory=dict[Verdict, tuple[int, float]])
    _tries: int = 0

    def pause_after(self, verdict: Verdict, *, now: float) -> float | None:
        """Return how long to wait before the next try, or nothing when patience is at its end."""
        tries, first = self._met.get(verdict, (0, now))
        self._met[verdict] = (tries + 1, first)
        limit = self.limits[verdict]
        if tries + 1 >= limit.tries or now - first > limit.seconds:
            return None
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._tries, 10))
        self._tries += 1
        return longest * (0.5 + self.chance() / 2)
