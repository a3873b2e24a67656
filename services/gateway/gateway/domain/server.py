"""A server, and the pure functions that move it through its life."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from common.contracts import events as evt
from common.contracts.base import Event
from common.contracts.servers import PublishedPort, ServerSpec
from gateway.domain.errors import PhaseForbids, ServerDeleted
from gateway.domain.failure import POWER_UNKNOWN, REMOVAL_FAILED, DeadlinePassed, Failure
from gateway.domain.kind import RESHAPING, Kind
from gateway.domain.operation import Operation
from gateway.domain.phase import (
    AS_IT_IS,
    BEGINS,
    HAS_VM,
    LEFT,
    NEXT_PHASE,
    NO_VM,
    WAY_OUT,
    DeploymentCancelled,
    DeploymentFailed,
    Outcome,
    Phase,
    RemovalFailed,
)
from gateway.domain.players import Players
from gateway.domain.template import Baked
from gateway.domain.transitions import State, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One game in one VM, owned by one user. ``has_vm``: one that can be worked with.

    ``half_shaped``: a change of ``spec`` has not come to its end, so the VM may differ from it.
    ``players``: none while nobody knows who plays. ``labels``: the owner's own words about it.
    """

    id: str
    owner_id: str
    spec: ServerSpec
    operation_id: str
    created_at: datetime
    updated_at: datetime
    phase: Phase = Phase.REQUESTED
    host: str | None = None
    ports: tuple[PublishedPort, ...] = ()
    connect: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    failure: Failure | None = None
    has_vm: bool = False
    half_shaped: bool = False
    players: Players | None = None
    baked: Baked | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


def actions(server: Server) -> Sequence[Kind]:
    """Return the kinds of operations that may begin now."""
    return [kind for kind in BEGINS if _begun(server, kind) is not None]


def begin(server: Server, operation: Operation) -> Server:
    """Return the server as the operation finds it. Raises ``PhaseForbids``, ``ServerDeleted``."""
    phase = _begun(server, operation.kind)
    if phase is None:
        raise _refusal(server, operation.kind)
    return replace(
        server,
        phase=phase,
        operation_id=operation.id,
        updated_at=operation.created_at,
        failure=None,
        has_vm=server.has_vm or server.phase in _WITH_VM,
        players=None,
    )


# In these there is a VM, also where that was not remembered yet when the server came up.
_WITH_VM: Final = frozenset({Phase.RUNNING, Phase.STOPPED})


def _begun(server: Server, kind: Kind) -> Phase | None:
    if server.phase is Phase.FAILED and not server.has_vm and kind is not Kind.DELETE:
        return None
    return BEGINS[kind].get(server.phase)


def _refusal(server: Server, kind: Kind) -> PhaseForbids | ServerDeleted:
    if server.phase is Phase.DELETED:
        return ServerDeleted("This server is deleted already.")
    bare = server.phase is Phase.FAILED and not server.has_vm
    way_out = AS_IT_IS.get((kind, server.phase), WAY_OUT[server.phase])
    return PhaseForbids(
        f"The server is {server.phase}: a {kind} cannot begin now.",
        remedy=NO_VM if bare else way_out,
    )


def advance(server: Server, happening: Event | Outcome, *, at: datetime) -> Server:
    """Fold what happened into a server. What no table holds changes nothing."""
    if server.phase is Phase.DELETED:
        return server
    has_vm = HAS_VM.get(type(happening), server.has_vm)
    phase = NEXT_PHASE.get((server.phase, type(happening)))
    if phase is None:
        return replace(server, has_vm=has_vm)
    moved = replace(server, phase=phase, updated_at=at, has_vm=has_vm)
    match happening:
        case evt.ServerReady():
            return replace(_reached(moved, happening), versions=dict(happening.versions))
        case evt.ServerRestored():
            return _reached(moved, happening)
        case evt.VMTemplated():
            return replace(moved, baked=Baked.of(happening))
        case _:
            return moved


def _reached(server: Server, fact: evt.ServerReady | evt.ServerRestored) -> Server:
    known = server.players
    players = known if known and known.operation_id == fact.operation_id else None
    return replace(server, host=fact.host, ports=fact.ports, connect=fact.connect, players=players)


def count(server: Server, fact: evt.PlayersChanged) -> Server:
    """Fold in who plays now, unless something newer was told already."""
    known = server.players
    is_late = known is not None and known.told_at >= fact.time
    return server if is_late else replace(server, players=Players.of(fact))


# What an operation's end means to its server, where no fact says it already.
OUTCOME: Final[Mapping[tuple[Kind, State], Outcome]] = {
    (Kind.DEPLOY, State.FAILED): DeploymentFailed(),
    (Kind.DEPLOY, State.CANCELLED): DeploymentCancelled(),
    (Kind.BAKE, State.FAILED): DeploymentFailed(),
    (Kind.BAKE, State.CANCELLED): DeploymentCancelled(),
    (Kind.DELETE, State.FAILED): RemovalFailed(),
}


def follow(server: Server, operation: Operation, trigger: Trigger, *, at: datetime) -> Server:
    """Fold the end of an operation, brought about by ``trigger``, into its server."""
    if operation.has_ended and operation.kind in RESHAPING:
        if operation.state is State.SUCCEEDED:
            done = replace(server, spec=operation.spec, half_shaped=False)
            return _locked(done, trigger)
        server = replace(
            server, half_shaped=server.half_shaped or not _is_untouched(operation, trigger)
        )
    server = _locked(server, trigger)
    outcome = _left(trigger) if operation.is_change else OUTCOME.get(_end(operation))
    if outcome is None:
        return server
    moved = advance(server, outcome, at=at)
    if operation.is_change and moved.phase is not Phase.FAILED:
        return moved  # it runs, or is off: the operation alone tells what went wrong
    failure = operation.failure or _why_broken(operation)
    lost = failure is not None and failure.code in REMOVAL_FAILED
    return replace(moved, failure=failure, has_vm=moved.has_vm and not lost)


def _is_untouched(operation: Operation, trigger: Trigger) -> bool:
    """Tell whether it ended with the server as it was before."""
    if isinstance(trigger, evt.VMFailed):
        return operation.kind is Kind.UPDATE and not trigger.rollback
    return isinstance(trigger, evt.ServerRestored)


def _locked(server: Server, trigger: Trigger) -> Server:
    """Keep what the server was made of, so that it can be made again."""
    if not isinstance(trigger, evt.ServerReady) or trigger.lock is None:
        return server
    return replace(server, spec=server.spec.model_copy(update={"lock": trigger.lock}))


def _end(operation: Operation) -> tuple[Kind, State]:
    return operation.kind, operation.state


def _why_broken(operation: Operation) -> Failure | None:
    return POWER_UNKNOWN if operation.is_change else None


def _left(trigger: Trigger) -> Outcome | None:
    """Return how a change that ended early leaves the server; one that did its work says itself."""
    match trigger:
        case evt.VMFailed() if trigger.rollback:
            return LEFT["unknown"]
        case evt.VMFailed() | evt.VMObserved():
            return LEFT[trigger.power]
        case evt.ServerFailed() | DeadlinePassed():
            return LEFT["unknown"]
        case _:
            return None
