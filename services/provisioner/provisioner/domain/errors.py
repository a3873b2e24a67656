"""What can be wrong with a run."""


class StepFailed(Exception):
    """The step cannot succeed. ``reason`` and ``remedy`` are written for people."""

    def __init__(
        self, reason: str, *, remedy: str | None = None, last_lines: tuple[str, ...] = ()
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.last_lines = last_lines


class NotYet(Exception):
    """The guest or the game does not answer (yet). ``remedy``: what helps if it never does."""

    def __init__(self, met: str, *, remedy: str | None = None) -> None:
        super().__init__(met)
        self.remedy = remedy
