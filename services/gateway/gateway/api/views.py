"""Operations and servers as their owner sees them."""

from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from common.contracts.servers import Lock, PublishedPort, TaskTiming
from gateway.domain.failure import Failure
from gateway.domain.game import Game
from gateway.domain.kind import Kind
from gateway.domain.operation import Operation
from gateway.domain.phase import Phase
from gateway.domain.secrets import shown_settings
from gateway.domain.server import Server, actions
from gateway.domain.step import StepState
from gateway.domain.transitions import State

HOST_LABEL: Final = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"


class StepView(BaseModel):
    """One step, also when it is still to come."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    state: StepState
    attempt: int
    progress: float | None
    detail: str | None
    started_at: datetime | None
    ended_at: datetime | None


class FailureView(BaseModel):
    """Why it failed, where, and what helps."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    step: str | None
    detail: str
    remedy: str
    last_lines: list[str]


class OperationLinks(BaseModel):
    """Where to go from here."""

    self_: str = Field(serialization_alias="self")
    server: str


class OperationView(BaseModel):
    """An operation: poll it, or follow its log."""

    id: str
    kind: Kind
    server_id: str
    state: State
    step: str | None
    steps: list[StepView]
    progress: float
    error: FailureView | None
    tasks: tuple[TaskTiming, ...] = Field(
        default=(), description="How long each task inside the guest took, once it has ended"
    )
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    deadline: datetime
    links: OperationLinks

    @classmethod
    def of(cls, operation: Operation) -> "OperationView":
        """Show an operation."""
        return cls(
            id=operation.id,
            kind=operation.kind,
            server_id=operation.server_id,
            state=operation.state,
            step=operation.step,
            steps=[StepView.model_validate(step) for step in operation.steps],
            progress=operation.progress,
            error=_failure(operation.failure),
            tasks=operation.tasks,
            created_by=operation.owner_id,
            created_at=operation.created_at,
            started_at=operation.started_at,
            finished_at=operation.finished_at,
            deadline=operation.deadline,
            links=OperationLinks(
                self_=operation_path(operation.id), server=f"/v1/servers/{operation.server_id}"
            ),
        )


class ServerView(BaseModel):
    """A server. ``host``, ``ports`` and ``connect`` are known once it has run.

    ``lock``: what exactly it was made of, and is made of again. ``actions``: the kinds of
    operations that may begin in its phase. ``players``, ``max_players``: null while nobody knows.
    """

    id: str
    name: str
    game: str
    game_version: str
    labels: dict[str, str]
    plan: str
    settings: dict[str, JsonValue]
    phase: Phase
    actions: list[Kind]
    host: str | None
    ports: list[PublishedPort]
    connect: str | None
    versions: dict[str, str]
    players: int | None
    max_players: int | None
    lock: Lock | None
    error: FailureView | None
    operation_id: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, server: Server, *, game: Game | None) -> "ServerView":
        """Show a server, its secret settings masked; all of them when the schema is gone."""
        spec = server.spec
        players = server.players if server.phase is Phase.RUNNING else None
        return cls(
            id=server.id,
            name=spec.name,
            game=spec.game,
            game_version=spec.game_version,
            labels=dict(server.labels),
            plan=spec.plan.name,
            settings=shown_settings(game.settings_schema, spec.settings) if game else {},
            phase=server.phase,
            actions=list(actions(server)),
            host=server.host,
            ports=list(server.ports),
            connect=server.connect,
            versions=dict(server.versions),
            players=players.count if players else None,
            max_players=players.most if players else None,
            lock=spec.lock,
            error=_failure(server.failure),
            operation_id=server.operation_id,
            created_at=server.created_at,
            updated_at=server.updated_at,
        )


def _failure(failure: Failure | None) -> FailureView | None:
    return FailureView.model_validate(failure) if failure else None


def operation_path(id: str) -> str:
    """Return where an operation is found."""
    return f"/v1/operations/{id}"
