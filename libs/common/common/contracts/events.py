"""What the services tell each other about servers.

One class is one event: a fact, named in the past tense, that never changes. Add optional
fields freely. To change or drop one, publish a new class with the next version in its
``type``, and keep the old class until nobody reads it.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue, TypeAdapter

from common.contracts.base import Event
from common.contracts.requests import (
    CancelRequested,
    ChangeRequested,
    DeploymentRequested,
    RemovalRequested,
    RollbackRequested,
    SnapshotReleased,
)
from common.contracts.servers import Endpoint, Lock, PublishedPort, ServerSpec, TaskTiming


class StepChanged(Event, frozen=True):
    """vm-service, provisioner: a step of the operation began, moved on or ended."""

    type: Literal["operation.step_changed.v1"] = "operation.step_changed.v1"
    step: str
    state: Literal["running", "succeeded", "failed"]
    attempt: int = 1
    progress: float | None = Field(default=None, ge=0, le=1)
    detail: str | None = None


# What a VM that runs was brought up for.
Brought = Literal["deploy", "start", "restart", "resize", "reconfigure", "update", "rollback"]


class VMReady(Event, frozen=True):
    """vm-service: the VM runs and its endpoint is known; carries all the provisioner needs."""

    type: Literal["vm.ready.v1"] = "vm.ready.v1"
    vmid: int
    node: str
    endpoint: Endpoint
    host_keys: tuple[str, ...]
    host_key_policy: Literal["agent", "tofu"]
    spec: ServerSpec
    deadline: AwareDatetime
    kind: Brought = "deploy"


class VMStopped(Event, frozen=True):
    """vm-service: the VM is there, in the shape asked for, and off."""

    type: Literal["vm.stopped.v1"] = "vm.stopped.v1"
    vmid: int
    node: str


class VMObserved(Event, frozen=True):
    """vm-service: it has let go of a cancelled operation; this is how the VM stands."""

    type: Literal["vm.observed.v1"] = "vm.observed.v1"
    power: Literal["running", "stopped", "unknown"]


class VMTemplated(Event, frozen=True):
    """vm-service: the VM has become a template; ``base``: the one that itself was cloned from."""

    type: Literal["vm.templated.v1"] = "vm.templated.v1"
    vmid: int
    node: str
    base: int


class VMFailed(Event, frozen=True):
    """vm-service: the VM cannot be brought there.

    What is left of a deployment awaits a removal request; after a change ``power`` tells how
    the VM stands, as far as it is known. ``rollback``: it was on its way back.
    """

    type: Literal["vm.failed.v1"] = "vm.failed.v1"
    step: str
    reason: str
    remedy: str | None = None
    power: Literal["running", "stopped", "unknown"] = "unknown"
    rollback: bool = False


class VMDeleted(Event, frozen=True):
    """vm-service: no VM of this server exists (any more)."""

    type: Literal["vm.deleted.v1"] = "vm.deleted.v1"
    vmid: int | None = None


class VMRemovalBlocked(Event, frozen=True):
    """vm-service: the VM could not be removed; ``remedy`` names the command that helps."""

    type: Literal["vm.removal_blocked.v1"] = "vm.removal_blocked.v1"
    vmid: int
    reason: str
    remedy: str


class ServerReady(Event, frozen=True):
    """provisioner: the game answered on its own protocol."""

    type: Literal["server.ready.v1"] = "server.ready.v1"
    host: str
    ports: tuple[PublishedPort, ...]
    connect: str
    versions: dict[str, str] = Field(default_factory=dict)
    query: dict[str, JsonValue] = Field(default_factory=dict)
    lock: Lock | None = None
    timings: tuple[TaskTiming, ...] = ()


class GuestSealed(Event, frozen=True):
    """provisioner: a guest carries what a template of its game carries, and nothing of its own.

    It has no keys and no identity any more; nobody can log in.
    """

    type: Literal["server.sealed.v1"] = "server.sealed.v1"
    timings: tuple[TaskTiming, ...] = ()


class ServerRestored(Event, frozen=True):
    """provisioner: the game answers again, after its VM went back to the snapshot."""

    type: Literal["server.restored.v1"] = "server.restored.v1"
    host: str
    ports: tuple[PublishedPort, ...]
    connect: str


class PlayersChanged(Event, frozen=True):
    """provisioner: other people play than before; ``operation_id`` is that which brought it up."""

    type: Literal["server.players_changed.v1"] = "server.players_changed.v1"
    players: int = Field(ge=0)
    max_players: int | None = Field(default=None, ge=0)


class ServerFailed(Event, frozen=True):
    """provisioner: the game could not be brought up; ``rollback``: after its VM went back."""

    type: Literal["server.failed.v1"] = "server.failed.v1"
    step: str
    reason: str
    remedy: str | None = None
    last_lines: tuple[str, ...] = ()
    rollback: bool = False
    timings: tuple[TaskTiming, ...] = ()


class OperationFinished(Event, frozen=True):
    """Gateway: the operation reached its one terminal state."""

    type: Literal["operation.finished.v1"] = "operation.finished.v1"
    kind: str
    state: Literal["succeeded", "failed", "cancelled"]


AnyEvent = Annotated[
    DeploymentRequested
    | RemovalRequested
    | ChangeRequested
    | CancelRequested
    | RollbackRequested
    | SnapshotReleased
    | StepChanged
    | VMReady
    | VMStopped
    | VMObserved
    | VMTemplated
    | VMFailed
    | VMDeleted
    | VMRemovalBlocked
    | ServerReady
    | ServerFailed
    | ServerRestored
    | GuestSealed
    | PlayersChanged
    | OperationFinished,
    Field(discriminator="type"),
]

_any: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


def decode(data: bytes) -> AnyEvent:
    """Read an event off the wire. Raises ``pydantic.ValidationError``."""
    return _any.validate_json(data)
