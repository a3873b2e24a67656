"""Why an operation failed, and what a person can do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from common.contracts import events as evt


class DeadlinePassed:
    """The operation has had all the time it was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What an operation says of its failure. Every failure has a remedy."""

    code: str
    detail: str
    remedy: str
    step: str | None = None
    last_lines: tuple[str, ...] = ()


REMEDY: Final[Mapping[str, str]] = {
    "vm_failed": "Look at the hypervisor's task log for this VM, then deploy again.",
    "provisioning_failed": (
        "Read the last lines of the log, correct the settings, then deploy again; "
        "keep_on_failure leaves the VM for a look inside."
    ),
    "deadline_passed": (
        "See with `yard status` whether all services and the hypervisor answer, then try again."
    ),
    "removal_overdue": (
        "See whether the hypervisor answers, then delete the server: that asks for the "
        "removal again."
    ),
}

# The same after a change: the server is still there.
REMEDY_OF_CHANGE: Final[Mapping[str, str]] = {
    "vm_failed": "Look at the hypervisor's task log for this VM, then try again.",
    "provisioning_failed": (
        "Read the last lines of the log, correct the settings if they are the reason, then "
        "restart the server."
    ),
    "deadline_passed": (
        "See with `yard status` whether all services and the hypervisor answer, then try again; "
        "if the guest hangs, kill the server and start it."
    ),
}

POWER_UNKNOWN: Final = Failure(
    code="power_unknown",
    detail="Whether the VM runs could not be found out.",
    remedy="See whether the hypervisor answers, then start, stop or kill the server.",
)


# Codes after which a VM may be there that is to be removed, and that nothing else can use.
REMOVAL_FAILED: Final = frozenset({"removal_blocked", "removal_overdue"})


def failure_of_change(trigger: object, *, step: str | None) -> Failure | None:
    """Return why a change has failed: nothing is taken back, and the server is still there."""
    found = failure_of(trigger, before=None, step=step)
    if found is None or _has_remedy(trigger):
        return found
    return replace(found, remedy=REMEDY_OF_CHANGE.get(found.code, found.remedy))


def _has_remedy(trigger: object) -> bool:
    return isinstance(trigger, evt.VMFailed | evt.ServerFailed) and bool(trigger.remedy)


def cancel_overdue(step: str | None) -> Failure:
    """Return why a change that was called off has failed: nobody said that it let go."""
    return Failure(
        code="cancel_overdue",
        detail="It was called off, and no service answered in time how the VM stands.",
        remedy=(
            "See with `yard status` whether all services and the hypervisor answer, then start, "
            "stop or kill the server."
        ),
        step=step,
    )


def failure_of_way_back(
    trigger: object, *, before: Failure | None, step: str | None
) -> Failure | None:
    """Return what an update says that could not be, or could be, taken back to its snapshot."""
    match trigger:
        case evt.ServerRestored() if before is not None:
            return _rolled_back(before)
        case evt.VMFailed() | evt.ServerFailed():
            return _not_back(before, trigger.reason, remedy=trigger.remedy, step=trigger.step)
        case DeadlinePassed():
            return _not_back(before, "no answer in time", remedy=None, step=step)
        case _:
            return before


ROLLED_BACK: Final = "Rolled back: the server runs as it did before."
WENT_BACK: Final = (
    "Nothing has to be done. Read the operation's log to its end before the update is tried again."
)
BY_HAND: Final = (
    "The snapshot is kept: restart the server, or roll the VM back to it in Proxmox by hand and "
    "then restart the server."
)


def _rolled_back(before: Failure) -> Failure:
    own = before.remedy not in REMEDY_OF_CHANGE.values()  # it speaks of what went wrong
    return replace(
        before,
        detail=_joined(before.detail, ROLLED_BACK),
        remedy=f"{WENT_BACK} {before.remedy}" if own else WENT_BACK,
    )


def _joined(first: str, second: str) -> str:
    return f"{first.rstrip('. ')}. {second}"


def _not_back(
    before: Failure | None, reason: str, *, remedy: str | None, step: str | None
) -> Failure:
    detail = f"It could not be taken back to what it was: {reason}"
    return Failure(
        code="rollback_failed",
        detail=_joined(before.detail, detail) if before else detail,
        remedy=_joined(remedy, BY_HAND) if remedy else BY_HAND,
        step=before.step if before else step,
        last_lines=before.last_lines if before else (),
    )


def failure_of(
    trigger: object, *, before: Failure | None, step: str | None, going_back: bool = False
) -> Failure | None:
    """Return the failure to remember: the first one, unless the way back fails as well."""
    match trigger:
        case evt.VMRemovalBlocked():
            return _removal_failed(
                before, "removal_blocked", trigger.reason, remedy=trigger.remedy, step=step
            )
        case DeadlinePassed() if going_back:
            return _removal_failed(
                before, "removal_overdue", "no answer in time",
                remedy=REMEDY["removal_overdue"], step=step,
            )  # fmt: skip
        case evt.VMFailed() if before is None:
            return _failure("vm_failed", trigger.reason, trigger.remedy, step=trigger.step)
        case evt.ServerFailed() if before is None:
            return _failure(
                "provisioning_failed", trigger.reason, trigger.remedy,
                step=trigger.step, last_lines=trigger.last_lines,
            )  # fmt: skip
        case DeadlinePassed():
            return _failure("deadline_passed", "It took longer than allowed.", None, step=step)
        case _:
            return before


def _failure(
    code: str,
    detail: str,
    remedy: str | None,
    *,
    step: str | None,
    last_lines: tuple[str, ...] = (),
) -> Failure:
    return Failure(
        code=code, detail=detail, remedy=remedy or REMEDY[code], step=step, last_lines=last_lines
    )


def _removal_failed(
    before: Failure | None, code: str, reason: str, *, remedy: str, step: str | None
) -> Failure:
    detail = f"The VM could not be removed: {reason}"
    if before is None:
        return Failure(code=code, detail=detail, remedy=remedy, step=step)
    return Failure(
        code=code,
        detail=f"{before.detail} {detail}",
        remedy=remedy,
        step=before.step,
        last_lines=before.last_lines,
    )
