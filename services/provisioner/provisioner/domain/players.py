"""How many people play on a server, as its game tells, and when it is asked next."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from pydantic import JsonValue

EVERY: Final = 15.0  # seconds between two questions to a game that answers
CONSOLES_EVERY: Final = 60.0  # between two looks at a console: each is a login
LONGEST: Final = 300.0  # to one that does not: its server may be stopped, or it tells no count
PATIENT: Final = 2  # misses after which nobody knows any more
MOST: Final = 1_000_000  # what is more than that is no count of people


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """So many play; at most so many may, if the game says that."""

    players: int
    max_players: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is remembered of a running server from one round to the next.

    ``operation_id``: by which it came up; another one begins anew. ``told``: the last count that
    was announced.
    """

    operation_id: str
    due: float = 0.0
    misses: int = 0
    told: Count | None = None

    @property
    def is_lost(self) -> bool:
        """Whether nobody knows any more how many play."""
        return self.misses >= PATIENT

    def answered(self, *, at: float, every: float = EVERY) -> "Watch":
        """The game told its count."""
        return replace(self, due=at + every, misses=0)

    def missed(self, *, at: float) -> "Watch":
        """It did not; it is asked less and less often."""
        pause = min(LONGEST, EVERY * 2.0 ** min(self.misses, 10))
        return replace(self, due=at + pause, misses=self.misses + 1)


def count_of(answer: Mapping[str, JsonValue]) -> Count | None:
    """Return what a game's answer says; none if it tells no count, or one that is none."""
    players = _number(answer.get("players"))
    if players is None:
        return None
    return Count(players=players, max_players=_number(answer.get("max_players")))


def _number(value: JsonValue) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST
    return value if is_count and isinstance(value, int) else None
