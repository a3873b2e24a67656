"""The life of a server: one table, one pure function.

requested -> provisioning -> running --> deleting -> deleted
    |             |                        ^  |
    +-------------+--> failed -------------+  |
    |             |      ^--------------------+ the removal failed
    +-------------+--> deleted                  the deployment was cancelled
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from common.contracts import events as evt
from common.contracts.base import Event
from common.contracts.servers import PublishedPort, ServerSpec
from gateway.domain.failure import Failure
from gateway.domain.operation import Operation, State
from gateway.domain.step import Kind


class Phase(StrEnum):
    """Where a server is in its life."""

    REQUESTED = "requested"
    PROVISIONING = "provisioning"
    RUNNING = "running"
    FAILED = "failed"
    DELETING = "deleting"
    DELETED = "deleted"


class DeploymentFailed:
    """The deployment ended without a running server."""


class DeploymentCancelled:
    """The deployment was called off and everything is taken back."""


class RemovalFailed:
    """The removal ended and the VM may still be there."""


Outcome = DeploymentFailed | DeploymentCancelled | RemovalFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One game in one VM, owned by one user."""

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


NEXT_PHASE: Final[Mapping[tuple[Phase, type[Event | Outcome]], Phase]] = {
    (Phase.REQUESTED, evt.VMReady): Phase.PROVISIONING,
    (Phase.REQUESTED, evt.ServerReady): Phase.RUNNING,  # overtook VMReady
    (Phase.PROVISIONING, evt.ServerReady): Phase.RUNNING,
    (Phase.REQUESTED, DeploymentFailed): Phase.FAILED,
    (Phase.PROVISIONING, DeploymentFailed): Phase.FAILED,
    (Phase.REQUESTED, DeploymentCancelled): Phase.DELETED,
    (Phase.PROVISIONING, DeploymentCancelled): Phase.DELETED,
    (Phase.RUNNING, evt.RemovalRequested): Phase.DELETING,
    (Phase.FAILED, evt.RemovalRequested): Phase.DELETING,
    (Phase.DELETING, evt.VMDeleted): Phase.DELETED,
    (Phase.DELETING, RemovalFailed): Phase.FAILED,
}

# Facts that a server's phase depends on; all others concern its operation alone.
HEARD: Final = frozenset(kind for _, kind in NEXT_PHASE)

# What an operation's end means to its server, where no event says it already.
OUTCOME: Final[Mapping[tuple[Kind, State], Outcome]] = {
    (Kind.DEPLOY, State.FAILED): DeploymentFailed(),
    (Kind.DEPLOY, State.CANCELLED): DeploymentCancelled(),
    (Kind.DELETE, State.FAILED): RemovalFailed(),
}


def advance(server: Server, happening: Event | Outcome, *, at: datetime) -> Server:
    """Fold what happened into a server. A pair the table does not hold changes nothing."""
    phase = NEXT_PHASE.get((server.phase, type(happening)))
    if phase is None:
        return server
    moved = replace(server, phase=phase, updated_at=at)
    match happening:
        case evt.ServerReady():
            return replace(
                moved,
                host=happening.host,
                ports=happening.ports,
                connect=happening.connect,
                versions=dict(happening.versions),
            )
        case evt.RemovalRequested():
            return replace(moved, failure=None)
        case _:
            return moved


def follow(server: Server, operation: Operation, *, at: datetime) -> Server:
    """Fold the end of an operation into its server."""
    outcome = OUTCOME.get((operation.kind, operation.state))
    if outcome is None:
        return server
    return replace(advance(server, outcome, at=at), failure=operation.failure)
