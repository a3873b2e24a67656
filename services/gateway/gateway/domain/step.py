"""The steps of an operation: which are to come, how far each is, what they weigh."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from common.contracts.events import StepChanged
from gateway.domain.kind import Kind, weights


class StepState(StrEnum):
    """How far a step is."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step as it is known from the facts heard so far."""

    name: str
    state: StepState = StepState.PENDING
    attempt: int = 1
    progress: float | None = None
    detail: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


_RANK: Final[Mapping[StepState, int]] = {
    StepState.PENDING: 0,
    StepState.RUNNING: 1,
    StepState.SUCCEEDED: 2,
    StepState.FAILED: 2,
    StepState.CANCELLED: 2,
    StepState.SKIPPED: 2,
}


def planned(kind: Kind, *, is_off: bool = False) -> tuple[Step, ...]:
    """Return the steps that an operation of this kind is going to take."""
    return tuple(Step(name=name) for name in weights(kind, is_off=is_off))


def fold_step(steps: Sequence[Step], event: StepChanged) -> tuple[Step, ...]:
    """Fold one fact into the steps. A step that is not planned is added at the end."""
    known = {step.name: step for step in steps}
    known[event.step] = _folded(known.get(event.step, Step(name=event.step)), event)
    return tuple(known.values())


def _folded(step: Step, event: StepChanged) -> Step:
    if event.attempt < step.attempt:
        return step
    if event.attempt > step.attempt:
        step = Step(name=step.name, attempt=event.attempt, started_at=step.started_at)
    state = StepState(event.state)
    if not _moves_on(step, event):
        # Overtaken: all it still tells is when the step began.
        return replace(step, started_at=_earlier(step.started_at, event.time))
    ended = _RANK[state] == _RANK[StepState.SUCCEEDED]
    return replace(
        step,
        state=state,
        progress=1.0 if state is StepState.SUCCEEDED else _larger(step.progress, event.progress),
        detail=event.detail if event.detail is not None else step.detail,
        started_at=_earlier(step.started_at, event.time),
        ended_at=event.time if ended else None,
    )


def _moves_on(step: Step, event: StepChanged) -> bool:
    rank, known = _RANK[StepState(event.state)], _RANK[step.state]
    if rank != known:
        return rank > known
    return step.state is StepState.RUNNING and (event.progress or 0) >= (step.progress or 0)


def end_steps(
    steps: Sequence[Step], *, running: StepState, pending: StepState, at: datetime
) -> tuple[Step, ...]:
    """Settle the steps that have not ended, when their operation does."""
    ends = {StepState.RUNNING: running, StepState.PENDING: pending}
    return tuple(_ended(step, ends.get(step.state, step.state), at=at) for step in steps)


def skip_steps(steps: Sequence[Step], names: Container[str]) -> tuple[Step, ...]:
    """Mark the steps of these names that never began: nothing called for them."""
    return tuple(
        replace(step, state=StepState.SKIPPED)
        if step.state is StepState.PENDING and step.name in names
        else step
        for step in steps
    )


def fail_step(steps: Sequence[Step], name: str, *, detail: str, at: datetime) -> tuple[Step, ...]:
    """Mark the step that brought the operation down."""
    known = {step.name: step for step in steps}
    step = _ended(known.get(name, Step(name=name)), StepState.FAILED, at=at)
    known[name] = replace(step, detail=step.detail or detail)
    return tuple(known.values())


def _ended(step: Step, state: StepState, *, at: datetime) -> Step:
    if state is step.state:
        return step
    done = 1.0 if state is StepState.SUCCEEDED else step.progress
    return replace(step, state=state, progress=done, started_at=step.started_at or at, ended_at=at)


def share_done(kind: Kind, steps: Sequence[Step], *, is_off: bool = False) -> float:
    """Return the weighted share, 0 to 1, of the planned steps that is done."""
    weight = weights(kind, is_off=is_off)
    done = sum(weight.get(step.name, 0) * _done(step) for step in steps)
    return round(done / sum(weight.values()), 4)


def _done(step: Step) -> float:
    if step.state is StepState.SUCCEEDED:
        return 1
    return (step.progress or 0) if step.state is StepState.RUNNING else 0


def current_step(steps: Sequence[Step]) -> str | None:
    """Return the name of the step that runs, or else of the one that ended last."""
    running = [step.name for step in steps if step.state is StepState.RUNNING]
    ended = [step.name for step in steps if step.ended_at is not None]
    return (running or ended or [None])[-1]


def _earlier(known: datetime | None, other: datetime) -> datetime:
    return other if known is None else min(known, other)


def _larger(known: float | None, other: float | None) -> float | None:
    return max((n for n in (known, other) if n is not None), default=None)
