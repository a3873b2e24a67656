"""What a refusal of Proxmox means for the step that met it, and what there is to do about it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What there is to do about a trouble."""

    RETRY = "retry"  # nothing has happened: again, in a while
    REFUSE = "refuse"  # it will not succeed: tell a person
    UNKNOWN = "unknown"  # it may have happened or not: look, then decide
    REPAIR = "repair"  # the VM is not as we took it to be: ours to put right


class Verdict(StrEnum):
    """What a refusal means for the step that met it."""

    BUSY = "busy"  # somebody holds a lock: again, in a while
    UNKNOWN = "unknown"  # it may have happened or not: look, then decide
    FAULT = "fault"  # it may go better the next time: a few tries
    DENIED = "denied"  # our token may not do this
    REFUSED = "refused"  # it can never succeed
    TAKEN = "taken"  # the VM id is in use
    ABSENT = "absent"  # there is no such VM
    ALREADY = "already"  # it is as we want it
    RUNNING = "running"  # the VM runs and should not
    NOT_RUNNING = "not running"  # the VM should run and does not
    NOT_YET = "not yet"  # the guest is still booting
    DEAF = "deaf"  # the guest does not do what it is asked to

    @property
    def kind(self) -> Kind:
        """What there is to do about it."""
        return KINDS[self]


KINDS: Final[Mapping[Verdict, Kind]] = {
    Verdict.BUSY: Kind.RETRY,
    Verdict.FAULT: Kind.RETRY,
    Verdict.NOT_YET: Kind.RETRY,
    Verdict.UNKNOWN: Kind.UNKNOWN,
    Verdict.DENIED: Kind.REFUSE,
    Verdict.REFUSED: Kind.REFUSE,
    Verdict.TAKEN: Kind.REPAIR,
    Verdict.ABSENT: Kind.REPAIR,
    Verdict.ALREADY: Kind.REPAIR,
    Verdict.RUNNING: Kind.REPAIR,
    Verdict.NOT_RUNNING: Kind.REPAIR,
    Verdict.DEAF: Kind.REPAIR,
}


class Trouble(Exception):
    """Something outside did not go well; what it means is judged already."""

    def __init__(self, verdict: Verdict, text: str, remedy: str | None = None) -> None:
        super().__init__(text)
        self.verdict = verdict
        self.text = text
        self.remedy = remedy

    @property
    def is_of_a_lost_task(self) -> bool:
        """Tell whether Proxmox does not know the task (any more) that was asked after."""
        return "no such task" in self.text
