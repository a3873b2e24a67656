"""What ends a command: a reason, and what helps."""

from collections.abc import Sequence


class Failure(Exception):
    """A command cannot be carried out. ``remedy`` tells what to do about it."""

    def __init__(
        self, reason: str, remedy: str | None = None, *, details: Sequence[str] = ()
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.details = tuple(details)
