"""When a task is looked at again: what tasks of its kind took before tells when it may end.

Asking all the time would notice an end at once, and keep Proxmox's few workers busy with
answers. So a task is mostly left alone until shortly before the quickest of its kind was done:
a few looks in between notice one that is quicker.
"""

from collections import defaultdict, deque
from typing import Final

REMEMBERED: Final = 8  # tasks of a kind
EARLY: Final = 0.95  # of the shortest time such a task took
FIRST: Final = 0.25  # of that, after which a task is looked at for the first time
GROWTH: Final = 0.3  # of its age, to the next look in between
SHARE: Final = 0.02  # of a task's age, by which its end may be noticed late
FINEST: Final = 0.005  # seconds
LONGEST: Final = 3.0


class Pace:
    """How long tasks took, by node and type; one for the whole service."""

    def __init__(self) -> None:
        self._took: defaultdict[tuple[str, str], deque[float]] = defaultdict(
            lambda: deque(maxlen=REMEMBERED)
        )

    def pause(self, upid: str, *, age: float) -> float:
        """Return the seconds until a task that has been waited for so long is asked again."""
        due = EARLY * min(self._took[_kind(upid)], default=0.0)
        wanted = min(due - age, max(age * GROWTH, due * FIRST)) if age < due else age * SHARE
        return min(max(wanted, FINEST), LONGEST)

    def ended(self, upid: str, *, age: float) -> None:
        """Remember how long a task was waited for."""
        self._took[_kind(upid)].append(age)


def _kind(upid: str) -> tuple[str, str]:
    """Read node and type: ``UPID:node:pid:pstart:starttime:type:id:user:``."""
    parts = (*upid.split(":"), "", "", "", "", "", "")
    return parts[1], parts[5]
