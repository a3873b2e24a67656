"""The life of an operation: one table for each kind, one pure function.

    queued -> running -> succeeded
       |         |
       +---------+--> failing ----> failed       the VM is being taken back
       |         |
       +---------+--> cancelling -> cancelled    likewise, because the user said so

An operation that has ended never changes its state again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from common.contracts import events as evt
from common.contracts.base import Event
from common.contracts.servers import ServerSpec
from gateway.domain.failure import DeadlinePassed, Failure, failure_of
from gateway.domain.step import (
    Kind,
    Step,
    StepState,
    current_step,
    end_steps,
    fail_step,
    fold_step,
    planned,
    share_done,
)

DEADLINE: Final = timedelta(minutes=45)
REMOVAL_PATIENCE: Final = timedelta(hours=24)


class State(StrEnum):
    """Where an operation is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    FAILING = "failing"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED: Final = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})
GOING_BACK: Final = frozenset({State.FAILING, State.CANCELLING})


class CancelAsked:
    """The user wants the operation to stop."""


Trigger = Event | CancelAsked | DeadlinePassed
Table = Mapping[tuple[State, type[Trigger]], State]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One piece of asynchronous work on one server. ``heard_at``: last sign of it, or last ask."""

    id: str
    kind: Kind
    server_id: str
    owner_id: str
    spec: ServerSpec
    created_at: datetime
    deadline: datetime
    heard_at: datetime
    state: State = State.QUEUED
    steps: tuple[Step, ...] = ()
    failure: Failure | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        """Tell whether it has reached its one terminal state."""
        return self.state in ENDED

    @property
    def step(self) -> str | None:
        """Name the step that it is at."""
        return current_step(self.steps)

    @property
    def progress(self) -> float:
        """Return the share done, 0 to 1."""
        return 1.0 if self.state is State.SUCCEEDED else share_done(self.kind, self.steps)

    @property
    def ends_by(self) -> datetime:
        """Return when patience ends; taking a VM back is given more than bringing it up."""
        return self.deadline + REMOVAL_PATIENCE if self.state in GOING_BACK else self.deadline

    def as_accepted(self) -> "Operation":
        """Return it as it was when it was asked for: the answer to asking again."""
        return replace(
            self,
            state=State.QUEUED,
            steps=planned(self.kind),
            failure=None,
            started_at=None,
            finished_at=None,
        )


_UNDER_WAY: Final = (State.QUEUED, State.RUNNING)

DEPLOY: Final[Table] = {
    **{(state, evt.StepChanged): State.RUNNING for state in _UNDER_WAY},
    **{(state, evt.VMReady): State.RUNNING for state in _UNDER_WAY},
    **{(state, evt.ServerReady): State.SUCCEEDED for state in _UNDER_WAY},  # may overtake all
    **{(state, evt.VMFailed): State.FAILING for state in _UNDER_WAY},
    **{(state, evt.ServerFailed): State.FAILING for state in _UNDER_WAY},
    **{(state, DeadlinePassed): State.FAILING for state in _UNDER_WAY},
    **{(state, CancelAsked): State.CANCELLING for state in _UNDER_WAY},
    (State.FAILING, evt.StepChanged): State.FAILING,
    (State.FAILING, CancelAsked): State.FAILING,  # it is going back already
    (State.FAILING, evt.VMDeleted): State.FAILED,
    (State.FAILING, evt.VMRemovalBlocked): State.FAILED,
    (State.FAILING, DeadlinePassed): State.FAILED,
    (State.CANCELLING, evt.StepChanged): State.CANCELLING,
    (State.CANCELLING, CancelAsked): State.CANCELLING,
    (State.CANCELLING, evt.VMDeleted): State.CANCELLED,
    (State.CANCELLING, evt.VMRemovalBlocked): State.FAILED,
    (State.CANCELLING, DeadlinePassed): State.FAILED,
}

DELETE: Final[Table] = {
    **{(state, evt.StepChanged): State.RUNNING for state in _UNDER_WAY},
    **{(state, evt.VMDeleted): State.SUCCEEDED for state in _UNDER_WAY},
    **{(state, evt.VMRemovalBlocked): State.FAILED for state in _UNDER_WAY},
    **{(state, DeadlinePassed): State.FAILED for state in _UNDER_WAY},
}

NEXT_STATE: Final[Mapping[Kind, Table]] = {Kind.DEPLOY: DEPLOY, Kind.DELETE: DELETE}


def takes(operation: Operation, trigger: Trigger) -> bool:
    """Tell whether this can still make a difference to the operation's state."""
    return (operation.state, type(trigger)) in NEXT_STATE[operation.kind]


def advance(operation: Operation, trigger: Trigger, *, at: datetime) -> Operation:
    """Fold a fact or a decision into an operation.

    A pair the table does not hold is a late or repeated fact and changes no state; the
    steps of an ended operation are settled.
    """
    state = NEXT_STATE[operation.kind].get((operation.state, type(trigger)))
    if state is None:
        return operation
    if state is State.FAILING and operation.spec.keep_on_failure:
        state = State.FAILED
    moved = replace(
        _with_steps(operation, trigger, at=at),
        state=state,
        heard_at=at,
        started_at=operation.started_at or at,
        failure=failure_of(trigger, before=operation.failure, step=operation.step),
    )
    return _ended(moved, at=at) if moved.has_ended else moved


def _with_steps(operation: Operation, trigger: Trigger, *, at: datetime) -> Operation:
    match trigger:
        case evt.StepChanged():
            steps = fold_step(operation.steps, trigger)
        case evt.VMFailed() | evt.ServerFailed():
            steps = fail_step(operation.steps, trigger.step, detail=trigger.reason, at=at)
        case _:
            return operation
    return replace(operation, steps=steps)


# How steps that have not ended are left behind: (those running, those pending).
_LEFT: Final[Mapping[State, tuple[StepState, StepState]]] = {
    State.SUCCEEDED: (StepState.SUCCEEDED, StepState.SUCCEEDED),
    State.FAILED: (StepState.FAILED, StepState.PENDING),
    State.CANCELLED: (StepState.CANCELLED, StepState.PENDING),
}


def _ended(operation: Operation, *, at: datetime) -> Operation:
    running, pending = _LEFT[operation.state]
    steps = end_steps(operation.steps, running=running, pending=pending, at=at)
    return replace(operation, steps=steps, finished_at=at)
