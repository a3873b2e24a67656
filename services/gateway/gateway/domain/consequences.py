"""What follows when an operation is accepted or moves on: requests, facts and log lines.

The last batch of lines of an operation is marked final and comes after everything else.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final, Literal

from common.contracts import events as evt
from common.contracts.base import Message
from common.contracts.logs import LogBatch, LogLine
from common.contracts.requests import Change
from gateway.domain.kind import CHANGES, Kind
from gateway.domain.operation import Operation
from gateway.domain.sentences import Said, accepted, moved
from gateway.domain.transitions import GOING_BACK, Overtaken, State, Trigger, heard_as

WRITER: Final = "gateway"
MAX_TEXT: Final = 8000

Reason = Literal["deleted", "failed", "cancelled"]
Request = (
    evt.DeploymentRequested
    | evt.RemovalRequested
    | evt.ChangeRequested
    | evt.CancelRequested
    | evt.RollbackRequested
)

_REASON: Final[Mapping[State, Reason]] = {
    State.FAILING: "failed",
    State.CANCELLING: "cancelled",
}

_OUTCOME: Final[Mapping[State, Literal["succeeded", "failed", "cancelled"]]] = {
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}


def request_of(operation: Operation) -> Request:
    """Return, under a new id, what the operation asks of the other services right now."""
    if (kind := CHANGES.get(operation.kind)) is not None:
        return _undo(operation) if operation.state in GOING_BACK else _change(operation, kind)
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


def _change(operation: Operation, kind: Change) -> evt.ChangeRequested:
    return evt.ChangeRequested(
        server_id=operation.server_id,
        operation_id=operation.id,
        kind=kind,
        spec=operation.spec,
        deadline=operation.deadline,
        force=operation.force,
    )


def _undo(operation: Operation) -> evt.CancelRequested | evt.RollbackRequested:
    if operation.kind is not Kind.UPDATE:
        return _cancel(operation)
    return evt.RollbackRequested(
        server_id=operation.server_id,
        operation_id=operation.id,
        spec=operation.former or operation.spec,
        deadline=operation.ends_by,
    )


def _cancel(operation: Operation) -> evt.CancelRequested:
    return evt.CancelRequested(server_id=operation.server_id, operation_id=operation.id)


def on_accepted(operation: Operation, *, at: datetime) -> tuple[Message, ...]:
    """Return what is said when an operation has been accepted."""
    return request_of(operation), _batch(operation, "accepted", accepted(operation), at=at)


def on_moved(
    before: Operation, after: Operation, trigger: Trigger, *, at: datetime
) -> tuple[Message, ...]:
    """Return what is said when an operation has passed from one state to another."""
    if before.state is after.state:
        return ()
    lines = moved(before, after, trigger)
    if after.state in GOING_BACK:
        return request_of(after), _batch(after, after.state, lines, at=at)
    if after.has_ended:
        end = _finished(after), _batch(after, after.state, lines, at=at, final=True)
        return (*_on_ended(after, trigger), *end)
    return ()


def _on_ended(operation: Operation, trigger: Trigger) -> tuple[Message, ...]:
    if isinstance(trigger, Overtaken):
        # Who works on it still is to stop: the operation that goes first may not concern them.
        return (_cancel(operation),)
    if heard_as(trigger) in _SNAPSHOTS_ARE_OVER.get(operation.kind, ()):
        about = {"server_id": operation.server_id, "operation_id": operation.id}
        return (evt.SnapshotReleased.model_validate(about),)
    return ()


# Once the game has answered, whatever was done for it: former updates may have left some, too.
# After a way back that failed it is all there is left of what the server was.
_SNAPSHOTS_ARE_OVER: Final[Mapping[Kind, AbstractSet[type[evt.AnyEvent]]]] = {
    **dict.fromkeys(CHANGES, frozenset({evt.ServerReady})),
    Kind.UPDATE: frozenset({evt.ServerReady, evt.ServerRestored, evt.VMFailed}),
}


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
