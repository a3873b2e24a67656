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
    """How the console says that somebody has come or gone, and that the game has just started.

    ``file``: where the game writes its lines; none: to the journal.
    """

    joined: re.Pattern[str]
    left: re.Pattern[str]
    started: re.Pattern[str] | None = None
    file: str | None = None

    def present(self, lines: Iterable[str]) -> frozenset[str]:
        """Return who is there after these lines, the last that the game said."""
        found: set[str] = set()
        for line in lines:
            if len(line) > LONGEST:
                continue
            if come := self.joined.fullmatch(line):
                found.add(come[PLAYER])
            elif gone := self.left.fullmatch(line):
                found.discard(gone[PLAYER])
            elif self.started and self.started.fullmatch(line):
                found.clear()  # nobody has come back yet
        return frozenset(found)


def roster(
    *, joined: str, left: str, started: str | None = None, file: str | None = None
) -> Roster:
    """Return the roster of a manifest's expressions. Raises ``re.error``."""
    return Roster(
        joined=re.compile(joined),
        left=re.compile(left),
        started=re.compile(started) if started else None,
        file=file,
    )
