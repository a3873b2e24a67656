"""Why an operation failed, and what a person can do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
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


def failure_of(trigger: object, *, before: Failure | None, step: str | None) -> Failure | None:
    """Return the failure to remember: the first one, unless the way back fails as well."""
    match trigger:
        case evt.VMRemovalBlocked():
            return _removal_failed(
                before, "removal_blocked", trigger.reason, remedy=trigger.remedy, step=step
            )
        case DeadlinePassed() if before is not None:
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
