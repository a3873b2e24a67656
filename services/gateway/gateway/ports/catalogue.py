"""Where the games that can be deployed are found."""

from collections.abc import Sequence
from typing import Protocol

from gateway.domain.game import Game


class GameCatalogue(Protocol):
    """The games that can be deployed."""

    def all(self) -> Sequence[Game]:
        """Return every game, by id."""
        ...

    def find(self, id: str) -> Game | None:
        """Return one."""
        ...
