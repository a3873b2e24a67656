"""What follows when an operation is accepted or moves on: requests, facts and log lines.

The last batch of lines of an operation is marked final and comes after everything else.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Literal

from common.contracts import events as evt
from common.contracts.base import Message
from common.contracts.logs import Level, LogBatch, LogLine
from common.contracts.servers import ServerSpec
from gateway.domain.operation import GOING_BACK, Operation, State, Trigger
from gateway.domain.step import Kind

WRITER: Final = "gateway"
MAX_TEXT: Final = 8000

Reason = Literal["deleted", "failed", "cancelled"]
Said = tuple[Level, str]

_REASON: Final[Mapping[State, Reason]] = {
    State.FAILING: "failed",
    State.CANCELLING: "cancelled",
}

_OUTCOME: Final[Mapping[State, Literal["succeeded", "failed", "cancelled"]]] = {
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}


def request_of(operation: Operation) -> evt.DeploymentRequested | evt.RemovalRequested:
    """Return, under a new id, what the operation asks of the other services right now."""
    if operation.kind is Kind.DELETE or operation.state in GOING_BACK:
        return evt.RemovalRequested(
            server_id=operation.server_id,
            operation_id=operation.id,
            reason=_REASON.get(operation.state, "deleted"),
        )
    return evt.DeploymentRequested(
        server_id=operation.server_id,
        operation_id=operation.id,
        spec=operation.spec,
        deadline=operation.deadline,
    )


def on_accepted(operation: Operation, *, at: datetime) -> tuple[Message, ...]:
    """Return what is said when an operation has been accepted."""
    said = _ACCEPTED[operation.kind](operation.spec)
    return request_of(operation), _batch(operation, "accepted", (("info", said),), at=at)


def on_moved(
    before: Operation, after: Operation, trigger: Trigger, *, at: datetime
) -> tuple[Message, ...]:
    """Return what is said when an operation has passed from one state to another."""
    if before.state is after.state:
        return ()
    lines = _LINES.get(after.state, _nothing)(before, after, trigger)
    if after.state in GOING_BACK:
        return request_of(after), _batch(after, after.state, lines, at=at)
    if after.has_ended:
        return _finished(after), _batch(after, after.state, lines, at=at, final=True)
    return ()


def _finished(operation: Operation) -> evt.OperationFinished:
    return evt.OperationFinished(
        server_id=operation.server_id,
        operation_id=operation.id,
        kind=operation.kind,
        state=_OUTCOME[operation.state],
    )


def _batch(
    operation: Operation, key: str, said: tuple[Said, ...], *, at: datetime, final: bool = False
) -> LogBatch:
    return LogBatch(
        stream_id=operation.id,
        server_id=operation.server_id,
        writer=WRITER,
        final=final,
        lines=tuple(
            LogLine(key=f"{key}-{number}", time=at, level=level, text=text[:MAX_TEXT])
            for number, (level, text) in enumerate(said)
        ),
    )


def _deployment_accepted(spec: ServerSpec) -> str:
    plan = spec.plan
    cores = "1 core" if plan.cores == 1 else f"{plan.cores} cores"
    return (
        f"Deployment of {spec.name} accepted: {spec.game} {spec.game_version}, plan {plan.name} "
        f"({cores}, {plan.memory_mib} MiB memory, {plan.disk_gib} GiB disk)."
    )


_ACCEPTED: Final[Mapping[Kind, Callable[[ServerSpec], str]]] = {
    Kind.DEPLOY: _deployment_accepted,
    Kind.DELETE: lambda spec: f"Deletion of {spec.name} accepted.",
}


def _nothing(_before: Operation, _after: Operation, _trigger: Trigger) -> tuple[Said, ...]:
    return ()


def _failing(_before: Operation, after: Operation, _trigger: Trigger) -> tuple[Said, ...]:
    return (*_why(after), ("info", "Taking the VM back."))


def _cancelling(_before: Operation, _after: Operation, _trigger: Trigger) -> tuple[Said, ...]:
    return (("warning", "Cancelling, as asked. Taking the VM back."),)


def _succeeded(_before: Operation, after: Operation, trigger: Trigger) -> tuple[Said, ...]:
    if isinstance(trigger, evt.ServerReady):
        return (("info", f"{after.spec.name} is running. Connect to {trigger.connect}"),)
    return (("info", f"{after.spec.name} is deleted."),)


def _failed(before: Operation, after: Operation, trigger: Trigger) -> tuple[Said, ...]:
    if isinstance(trigger, evt.VMDeleted):
        return (("error", "The deployment failed; the VM is removed."),)
    kept = after.kind is Kind.DEPLOY and before.state not in GOING_BACK
    closing = "The VM is kept, as asked." if kept else "The VM may still be there."
    return (*_why(after), ("warning", closing))


def _cancelled(_before: Operation, _after: Operation, _trigger: Trigger) -> tuple[Said, ...]:
    return (("info", "Cancelled. The VM is removed."),)


def _why(operation: Operation) -> tuple[Said, ...]:
    failure = operation.failure
    if failure is None:
        return ()
    place = f" at step {failure.step}" if failure.step else ""
    return (
        ("error", f"Failed{place}: {failure.detail}"),
        ("info", f"What helps: {failure.remedy}"),
    )


_LINES: Final[Mapping[State, Callable[[Operation, Operation, Trigger], tuple[Said, ...]]]] = {
    State.FAILING: _failing,
    State.CANCELLING: _cancelling,
    State.SUCCEEDED: _succeeded,
    State.FAILED: _failed,
    State.CANCELLED: _cancelled,
}
