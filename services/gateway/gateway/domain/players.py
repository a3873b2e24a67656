"""How many people play on a server, as was told last."""

from dataclasses import dataclass
from datetime import datetime

from common.contracts import events as evt


@dataclass(frozen=True, slots=True, kw_only=True)
class Players:
    """So many play, of at most ``most`` if the game says that.

    ``operation_id``: by which the game they play in came up.
    """

    count: int
    most: int | None
    operation_id: str
    told_at: datetime

    @classmethod
    def of(cls, fact: evt.PlayersChanged) -> "Players":
        """Return what the fact tells."""
        return cls(
            count=fact.players,
            most=fact.max_players,
            operation_id=fact.operation_id,
            told_at=fact.time,
        )
