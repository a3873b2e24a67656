"""What the world is told when an operation is accepted or moves on, and its server with it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import BaseModel

from common.contracts import events as evt
from common.contracts import public_data as public
from gateway.domain.failure import Failure
from gateway.domain.operation import Operation
from gateway.domain.phase import Phase
from gateway.domain.publicity import Notice
from gateway.domain.server import Server
from gateway.domain.step import Step, StepState
from gateway.domain.transitions import State, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """An operation and its server, before and after; they are the same where nothing changed."""

    before: Operation
    after: Operation
    server_before: Server
    server: Server


OF_STATE: Final[Mapping[State, str]] = {
    State.RUNNING: "operation.started",
    State.FAILING: "operation.failing",
    State.CANCELLING: "operation.cancelling",
    State.SUCCEEDED: "operation.succeeded",
    State.FAILED: "operation.failed",
    State.CANCELLED: "operation.cancelled",
}

OF_SERVER: Final[Mapping[Phase, str]] = {
    Phase.PROVISIONING: "server.provisioning",
    Phase.RUNNING: "server.ready",
    Phase.STARTING: "server.starting",
    Phase.STOPPING: "server.stopping",
    Phase.STOPPED: "server.stopped",
    Phase.RESTARTING: "server.restarting",
    Phase.CHANGING: "server.changing",
    Phase.FAILED: "server.failed",
    Phase.DELETING: "server.deleting",
    Phase.DELETED: "server.deleted",
}
OF_TEMPLATE: Final[Mapping[Phase, str]] = {
    Phase.TEMPLATE: "template.ready",
    Phase.DELETED: "template.deleted",
}

# Steps are worth telling when they begin and end; how far one is, the log tells.
_TOLD: Final = frozenset({StepState.RUNNING, StepState.SUCCEEDED, StepState.FAILED})


def on_accepted(operation: Operation, *, before: Server | None, server: Server) -> Sequence[Notice]:
    """Return what is told when an operation has been accepted."""
    at = operation.created_at
    moved = _phase(operation, before, server, at=at) if before else ()
    return [_of_operation("operation.accepted", operation, server, at=at), *moved]


def on_moved(moved: Moved, trigger: Trigger, *, at: datetime) -> Sequence[Notice]:
    """Return what is told when an operation has moved on: its beginning first, its end last."""
    state = [*_state(moved, at=at)]
    begins = moved.after.state is State.RUNNING
    return [
        *(state if begins else ()),
        *_steps(moved, at=at),
        *_blocked(moved, trigger, at=at),
        *_phase(moved.after, moved.server_before, moved.server, at=at),
        *(() if begins else state),
    ]


def on_counted(before: Server, server: Server, *, at: datetime) -> Sequence[Notice]:
    """Return what is told when others play than before."""
    known, players = before.players, server.players
    if players is None or (known and (known.count, known.most) == (players.count, players.most)):
        return ()
    data = public.PlayersData(
        server=_reference(server),
        links=public.Links(server=_path(server)),
        players=players.count,
        max_players=players.most,
    )
    return [_notice("server.players_changed", server, data, at=at)]


def _steps(moved: Moved, *, at: datetime) -> Iterator[Notice]:
    """Tell the steps that moved on; at an operation's end, only the one that was under way."""
    known = {step.name: _mark(step) for step in moved.before.steps}
    running = {step.name for step in moved.before.steps if step.state is StepState.RUNNING}
    told = _told(moved.after, moved.server)
    for step in moved.after.steps:
        if step.state not in _TOLD or known.get(step.name) == _mark(step):
            continue
        if moved.after.has_ended and step.name not in running:
            continue
        named = public.StepReference(name=step.name, state=step.state.value, attempt=step.attempt)
        data = public.StepData(**dict(told), step=named)
        yield _notice("operation.step_changed", moved.server, data, at=at)


def _mark(step: Step) -> tuple[StepState, int]:
    return step.state, step.attempt


def _blocked(moved: Moved, trigger: Trigger, *, at: datetime) -> Iterator[Notice]:
    if isinstance(trigger, evt.VMRemovalBlocked):
        yield _of_operation("server.removal_blocked", moved.after, moved.server, at=at)


def _state(moved: Moved, *, at: datetime) -> Iterator[Notice]:
    if moved.after.state is not moved.before.state:
        yield _of_operation(OF_STATE[moved.after.state], moved.after, moved.server, at=at)


def _phase(
    operation: Operation, before: Server, server: Server, *, at: datetime
) -> Iterator[Notice]:
    types = OF_TEMPLATE if server.spec.purpose == "template" else OF_SERVER
    if server.phase is before.phase or server.phase not in types:
        return
    told = dict(_told(operation, server, failure=server.failure))
    data = public.PhaseData(**told, phase=server.phase, former_phase=before.phase)
    if server.phase is Phase.RUNNING:
        data = public.ReadyData(
            **dict(data),
            host=server.host,
            connect=server.connect,
            ports=server.ports,
            versions=dict(server.versions),
        )
    yield _notice(types[server.phase], server, data, at=at)


def _of_operation(type: str, operation: Operation, server: Server, *, at: datetime) -> Notice:
    return _notice(type, server, _told(operation, server, failure=operation.failure), at=at)


def _told(
    operation: Operation, server: Server, *, failure: Failure | None = None
) -> public.OperationData:
    return public.OperationData(
        server=_reference(server),
        operation=public.OperationReference(
            id=operation.id,
            kind=operation.kind,
            state=operation.state,
            progress=operation.progress,
            created_by=operation.owner_id,
        ),
        error=_error(failure),
        links=public.Links(server=_path(server), operation=f"/v1/operations/{operation.id}"),
    )


def _error(failure: Failure | None) -> public.Error | None:
    if failure is None:
        return None
    return public.Error(
        code=failure.code, step=failure.step, detail=failure.detail, remedy=failure.remedy
    )


def _reference(server: Server) -> public.Reference:
    spec = server.spec
    return public.Reference(
        id=server.id, name=spec.name, game=spec.game, labels=dict(server.labels)
    )


def _path(server: Server) -> str:
    collection = "templates" if server.spec.purpose == "template" else "servers"
    return f"/v1/{collection}/{server.id}"


def _notice(type: str, server: Server, data: BaseModel, *, at: datetime) -> Notice:
    return Notice(type=type, subject_id=server.id, owner_id=server.owner_id, time=at, data=data)
