"""What becomes of a run when something is heard: one function per event, nothing done.

Of two operations the newer one wins; asked again, the outcome is said again.
"""

from dataclasses import replace

from common.contracts import events as evt
from common.contracts.base import now
from common.contracts.ids import new_id
from common.contracts.servers import ServerSpec
from provisioner.domain.run import Outcome, Run, Stage

Ending = evt.RemovalRequested | evt.CancelRequested | evt.RollbackRequested


def on_ready(known: Run | None, event: evt.VMReady) -> Run | None:
    """Return the run a ready VM starts, or None if it starts none."""
    if known is not None and not _is_news(known, event):
        return None  # asked again, too old, or overtaken by its removal
    started = Run(
        server_id=event.server_id,
        operation_id=event.operation_id,
        vm=event,
        host_keys=event.host_keys,
    )
    if known is None or event.kind == "deploy":
        return started
    applied = _applied(known, event)
    return replace(
        started,
        # What the guest's agent tells is the truth; without it, what was proven or pinned before.
        host_keys=event.host_keys or known.host_keys,
        applied=applied,
        lock=applied.lock if applied else known.lock,
        unfinished=applied is None,
        former=applied,
        # What a snapshot holds was written by nobody knows which.
        played=None if event.kind == "rollback" else known.played,
    )


def _is_news(known: Run, event: evt.VMReady) -> bool:
    """Tell whether a ready VM is more than was known: a way back follows its own update."""
    if event.operation_id != known.operation_id or event.kind != "rollback":
        return event.operation_id > known.operation_id
    return not _is_going_back(known, event)


def _is_going_back(known: Run, event: evt.Event) -> bool:
    return known.is_way_back and _is_of(known, event)


def _is_of(known: Run, event: evt.Event) -> bool:
    return known.vm is not None and known.vm.operation_id == event.operation_id


def _applied(known: Run, event: evt.VMReady) -> ServerSpec | None:
    if event.kind == "rollback" and _is_of(known, event):
        return known.former
    return known.applied


def has_new_keys(known: Run | None, event: evt.VMReady) -> bool:
    """Tell whether a VM we know has other host keys than it used to."""
    if known is None or event.kind == "deploy" or not event.host_keys:
        return False
    return bool(known.host_keys) and not set(known.host_keys) & set(event.host_keys)


def on_removal(known: Run | None, event: evt.RemovalRequested) -> Run | None:
    """Return the run as a removal leaves it (perhaps a tombstone), or None if it is too late."""
    cancelled = _cancelled(known, event)
    return cancelled and replace(
        cancelled, host_keys=(), applied=None, former=None, lock=None, played=None
    )


def on_cancel(known: Run | None, event: evt.CancelRequested) -> Run | None:
    """Return the run as a cancellation leaves it; the VM, and what is known of it, stay.

    A game that had come up before is left as it is: it runs on.
    """
    cancelled = _cancelled(known, event)
    if cancelled is None or known is None or known.stage is not Stage.DONE:
        return cancelled
    return replace(cancelled, stage=Stage.DONE)


def on_rollback(known: Run | None, event: evt.RollbackRequested) -> Run | None:
    """Return the run as the end of an update leaves it; the VM it was to go on is going back."""
    is_same = known is not None and known.operation_id == event.operation_id
    if known is not None and is_same and (known.is_settled or _is_going_back(known, event)):
        return None
    return _cancelled(known, event)


def _cancelled(known: Run | None, event: Ending) -> Run | None:
    operation = event.operation_id
    if known is None:
        return Run(
            server_id=event.server_id, operation_id=operation, vm=None, stage=Stage.CANCELLED
        )
    if operation < known.operation_id:
        return None
    return replace(known, operation_id=operation, stage=Stage.CANCELLED, outcome=None)


def again(outcome: Outcome) -> Outcome:
    """Return the same fact as a new event, for whoever asks again."""
    return outcome.model_copy(update={"id": new_id("event"), "time": now()})
