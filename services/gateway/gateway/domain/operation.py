"""An operation, and the one pure function that moves it through its life."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from common.contracts import events as evt
from common.contracts.base import Event
from common.contracts.servers import ServerSpec, TaskTiming
from gateway.domain.failure import (
    DeadlinePassed,
    Failure,
    cancel_overdue,
    failure_of,
    failure_of_change,
    failure_of_way_back,
)
from gateway.domain.kind import (
    CANCEL_PATIENCE,
    CHANGES,
    MAY_BE_SKIPPED,
    REMOVAL_PATIENCE,
    ROLLBACK_PATIENCE,
    Kind,
)
from gateway.domain.step import (
    Step,
    StepState,
    current_step,
    end_steps,
    fail_step,
    fold_step,
    planned,
    share_done,
    skip_steps,
)
from gateway.domain.transitions import ENDED, GOING_BACK, State, Trigger, next_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One piece of asynchronous work on one server. ``heard_at``: last sign of it, or last ask.

    ``spec`` is what the server is to be; ``former`` what an update goes back to. ``is_off``: the
    VM was off when it began. ``force``: a restart that does not ask the guest. ``gives_up_at``:
    when going back is at its end. ``tasks``: how long each task inside the guest took.
    """

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
    is_off: bool = False
    force: bool = False
    gives_up_at: datetime | None = None
    former: ServerSpec | None = None
    tasks: tuple[TaskTiming, ...] = ()

    @property
    def is_change(self) -> bool:
        """Tell whether it changes an existing server, which stays whatever comes of it."""
        return self.kind in CHANGES

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
        if self.state is State.SUCCEEDED:
            return 1.0
        return share_done(self.kind, self.steps, is_off=self.is_off)

    @property
    def ends_by(self) -> datetime:
        """Return when patience ends; taking a VM back is given more than bringing it up."""
        if self.gives_up_at is not None:
            return self.gives_up_at
        return self.deadline + REMOVAL_PATIENCE if self.state in GOING_BACK else self.deadline

    def as_accepted(self) -> "Operation":
        """Return it as it was when it was asked for: the answer to asking again."""
        return replace(
            self,
            state=State.QUEUED,
            steps=planned(self.kind, is_off=self.is_off),
            failure=None,
            tasks=(),
            started_at=None,
            finished_at=None,
            gives_up_at=None,
        )


def takes(operation: Operation, trigger: Trigger) -> bool:
    """Tell whether this can still make a difference to the operation's state."""
    return next_state(operation.kind, operation.state, trigger) is not None


def advance(operation: Operation, trigger: Trigger, *, at: datetime) -> Operation:
    """Fold a fact or a decision into an operation.

    A pair the table does not hold is a late or repeated fact and changes no state; the
    steps of an ended operation are settled.
    """
    state = next_state(operation.kind, operation.state, trigger)
    if state is None:
        return operation
    if state is State.FAILING and operation.kind is Kind.DEPLOY and operation.spec.keep_on_failure:
        state = State.FAILED
    moved = replace(
        _with_steps(operation, trigger, at=at),
        state=state,
        heard_at=at,
        started_at=operation.started_at or at,
        failure=_failure(operation, trigger),
        tasks=_tasks(operation, trigger),
        gives_up_at=_gives_up_at(operation, state, at=at),
    )
    return _ended(moved, at=at) if moved.has_ended else moved


def _failure(operation: Operation, trigger: Trigger) -> Failure | None:
    going_back = operation.state in GOING_BACK
    if not operation.is_change:
        return failure_of(
            trigger, before=operation.failure, step=operation.step, going_back=going_back
        )
    if not going_back:
        return failure_of_change(trigger, step=operation.step)
    if operation.kind is Kind.UPDATE:
        return failure_of_way_back(trigger, before=operation.failure, step=operation.step)
    return cancel_overdue(operation.step) if isinstance(trigger, DeadlinePassed) else None


def _tasks(operation: Operation, trigger: Trigger) -> tuple[TaskTiming, ...]:
    told = isinstance(trigger, evt.ServerReady | evt.ServerFailed | evt.GuestSealed)
    return trigger.timings or operation.tasks if told else operation.tasks


def _gives_up_at(operation: Operation, state: State, *, at: datetime) -> datetime | None:
    if operation.is_change and state in GOING_BACK:
        patience = ROLLBACK_PATIENCE if operation.kind is Kind.UPDATE else CANCEL_PATIENCE
        return operation.gives_up_at or at + patience
    return operation.gives_up_at


def _with_steps(operation: Operation, trigger: Trigger, *, at: datetime) -> Operation:
    match trigger:
        case evt.StepChanged():
            steps = fold_step(operation.steps, trigger)
        case evt.VMFailed() | evt.ServerFailed():
            steps = fail_step(operation.steps, trigger.step, detail=trigger.reason, at=at)
        case Event() if skipped := MAY_BE_SKIPPED.get((operation.kind, type(trigger))):
            steps = skip_steps(operation.steps, skipped)
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
