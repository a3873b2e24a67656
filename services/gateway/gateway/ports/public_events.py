"""Where public events are written and read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.domain.publicity import Notice, Published
from gateway.domain.subscription import is_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which events: after a position, of one owner (none: everybody's), of types, of a server.

    A type may end in ``.*``: all that begin so. ``newest``: where there are more than ``limit``,
    the last of them, not the first.
    """

    after: int
    limit: int
    owner_id: str | None
    types: tuple[str, ...] = ()
    subject_id: str | None = None
    newest: bool = False

    def is_met_by(self, event: Published) -> bool:
        """Tell whether an event, wherever it is, is one of those."""
        return (
            event.only_for is None
            and self.owner_id in (None, event.owner_id)
            and self.subject_id in (None, event.subject_id)
            and (not self.types or any(is_of(event.type, wanted) for wanted in self.types))
        )


class PublicEvents(Protocol):
    """Public events, for as long as one transaction lasts."""

    async def add(self, *notices: Notice) -> Sequence[str]:
        """Write them, each with the next number of its source, without a gap; return their ids."""
        ...

    async def number(self, *, limit: int) -> Sequence[Published]:
        """Give committed events their positions, in order; return them. One at a time does this."""
        ...

    async def find(self, sought: Sought) -> Sequence[Published]:
        """Return events that have a position, in its order."""
        ...

    async def among(self, ids: Sequence[str]) -> Sequence[Published]:
        """Return those of the given events that have a position, in its order."""
        ...

    async def last_before_newer(self, time: datetime) -> int:
        """Return the position after which all stand that are newer than a time, older ones perhaps.

        Times and positions go together but for moments: an event has its time before its position.
        """
        ...

    async def first_after_older(self, time: datetime) -> int:
        """Return the position before which all stand that are older than a time."""
        ...

    async def last_position(self) -> int:
        """Return the position of the newest event; 0 before there is one."""
        ...

    async def forget(self, *, before: datetime, limit: int) -> int:
        """Drop some of those told before; return how many. Their numbers are not given again."""
        ...
