"""Every refusal of the log-service."""


class TicketRefused(Exception):
    """The ticket is not one of ours, or no longer good."""


class TicketForAnother(Exception):
    """The ticket is good, but for another stream."""


class TooSlow(Exception):
    """The viewer left too much unread; it may resume after ``sequence``."""

    def __init__(self, sequence: int) -> None:
        super().__init__(f"resume after {sequence}")
        self.sequence = sequence


class KeysUnavailable(Exception):
    """The gateway's keys are not known yet, so no ticket can be judged; try again."""
