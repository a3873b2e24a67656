"""What is wrong with a game's folder, where, and what repairs it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One rule that is not kept. ``place``: a file of the folder and, below it, a field."""

    place: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {self.wrong} ({self.remedy})"


class Unreadable(Exception):
    """A file of the folder cannot even be read; ``complaint`` says why."""

    def __init__(self, complaint: Complaint) -> None:
        super().__init__(str(complaint))
        self.complaint = complaint
