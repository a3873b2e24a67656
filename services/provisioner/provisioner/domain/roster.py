"""Who plays, told by a game's console alone: line by line, who has come and who has gone.

The lines hold what players write, too. A game's expressions are anchored and linear in time (the
catalogue's checks see to that), and a line counts only as a whole.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

PLAYER: Final = "player"  # the group that names who it is about
LONGEST: Final = 4096  # characters of a line that are looked at; a longer one is none of these


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """How the console says that somebody has come or gone."""

    joined: re.Pattern[str]
    left: re.Pattern[str]

    def present(self, lines: Iterable[str]) -> frozenset[str]:
        """Return who is there after these lines, all that the game said since it was started."""
        found: set[str] = set()
        for line in lines:
            if len(line) > LONGEST:
                continue
            if come := self.joined.fullmatch(line):
                found.add(come[PLAYER])
            elif gone := self.left.fullmatch(line):
                found.discard(gone[PLAYER])
        return frozenset(found)


def roster(*, joined: str, left: str) -> Roster:
    """Return the roster of a manifest's expressions. Raises ``re.error``."""
    return Roster(joined=re.compile(joined), left=re.compile(left))
