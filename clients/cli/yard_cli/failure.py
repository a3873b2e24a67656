"""What ends a command: a reason, what helps, and the exit code."""

from dataclasses import dataclass


@dataclass(slots=True)
class Failure(Exception):
    """A command cannot be carried out. ``remedy`` tells what to do about it."""

    reason: str
    remedy: str | None = None
    details: tuple[str, ...] = ()
    exit_code: int = 1

    def __str__(self) -> str:
        """Give the reason."""
        return self.reason
