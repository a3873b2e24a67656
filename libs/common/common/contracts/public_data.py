"""What public events say: the ``data`` of each, in small classes that they share.

Thin: ids, names, states, and links to the rest. The rules for changes: ``public_events``.
"""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field

from common.contracts.servers import PublishedPort


class Reference(BaseModel, frozen=True):
    """A server as it was at that time."""

    id: str
    name: str
    game: str
    labels: dict[str, str] = Field(default_factory=dict)


class OperationReference(BaseModel, frozen=True):
    """An operation on it: what kind, who asked for it, how far it is."""

    id: str
    kind: str
    state: str
    progress: float = Field(ge=0, le=1)
    created_by: str


class Error(BaseModel, frozen=True):
    """Why it failed, in which step, and what helps."""

    code: str
    step: str | None = None
    detail: str
    remedy: str


class StepReference(BaseModel, frozen=True):
    """A step of an operation."""

    name: str
    state: Literal["pending", "running", "succeeded", "failed", "cancelled", "skipped"]
    attempt: int


class Links(BaseModel, frozen=True):
    """Paths below the gateway's address."""

    server: str | None = None
    operation: str | None = None
    webhook: str | None = None


class Data(BaseModel, frozen=True):
    """What every event says of a server."""

    server: Reference
    links: Links


class OperationData(Data, frozen=True):
    """An operation moved on; ``error`` once it goes back or has failed."""

    operation: OperationReference
    error: Error | None = None


class StepData(OperationData, frozen=True):
    """A step of an operation began or ended."""

    step: StepReference


class PhaseData(Data, frozen=True):
    """A server passed from one phase of its life to the next, by an operation."""

    phase: str
    former_phase: str | None = None
    operation: OperationReference
    error: Error | None = None


class ReadyData(PhaseData, frozen=True):
    """People can play: where, and on what."""

    host: str | None = None
    connect: str | None = None
    ports: tuple[PublishedPort, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)


class PlayersData(Data, frozen=True):
    """So many play now."""

    players: int = Field(ge=0)
    max_players: int | None = Field(default=None, ge=0)


class EndpointReference(BaseModel, frozen=True):
    """A webhook endpoint, without its URL: that may hold a secret."""

    id: str
    name: str


class PingData(BaseModel, frozen=True):
    """Nothing happened: somebody wants to see an event arrive."""

    webhook: EndpointReference
    links: Links


class EndpointData(BaseModel, frozen=True):
    """How a webhook endpoint does."""

    webhook: EndpointReference
    failing_since: AwareDatetime | None = None
    reason: str | None = None
    links: Links


class DeliveryData(EndpointData, frozen=True):
    """A delivery that nothing more is tried for; it can be replayed."""

    event_id: str
    event_type: str
    attempts: int
