"""What the API answers, as far as the command line reads it. Unknown fields are kept."""

from collections.abc import Mapping

from pydantic import AwareDatetime, BaseModel, Field, JsonValue


class Answer(BaseModel, frozen=True, extra="allow"):
    """Anything the API returns."""


class Step(Answer, frozen=True):
    """One step of an operation."""

    name: str
    state: str = "running"
    attempt: int = 1
    progress: float | None = None
    detail: str | None = None
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took, once it has ended."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()


class OperationError(Answer, frozen=True):
    """Why an operation failed, and what helps."""

    code: str | None = None
    step: str | None = None
    detail: str | None = None
    remedy: str | None = None
    last_lines: tuple[str, ...] = ()


class Operation(Answer, frozen=True):
    """A piece of work the API accepted."""

    id: str
    kind: str
    server_id: str
    state: str
    step: str | None = None
    steps: tuple[Step, ...] = ()
    error: OperationError | None = None
    created_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None

    @property
    def has_ended(self) -> bool:
        """Tell whether it reached its terminal state."""
        return self.state in {"succeeded", "failed", "cancelled"}

    @property
    def seconds(self) -> float | None:
        """How long it took from being asked for, once it has ended."""
        if self.created_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.created_at).total_seconds()


class Server(Answer, frozen=True):
    """One game server."""

    id: str
    name: str
    game: str
    phase: str
    plan: str | dict[str, JsonValue] | None = None
    host: str | None = None
    connect: str | None = None
    versions: dict[str, str] | None = None
    players: int | None = None
    max_players: int | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    operation_id: str | None = None
    created_at: AwareDatetime | None = None

    @property
    def crowd(self) -> str:
        """Tell how many play, of how many that may; nothing while nobody knows."""
        if self.players is None:
            return ""
        most = "" if self.max_players is None else f"/{self.max_players}"
        return f"{self.players}{most}"


class Game(Answer, frozen=True):
    """One game of the catalogue."""

    id: str
    name: str
    summary: str = ""
    version: str = ""
    maturity: str = ""
    evidence: str = ""
    settings_schema: dict[str, JsonValue] = Field(default_factory=dict)

    def properties(self) -> Mapping[str, Mapping[str, JsonValue]]:
        """Return the schema of each setting; only a game asked for by its id tells them."""
        found = self.settings_schema.get("properties")
        found = found if isinstance(found, dict) else {}
        return {name: schema for name, schema in found.items() if isinstance(schema, dict)}


class Template(Answer, frozen=True):
    """A template that carries a game's packages; ``current``: by today's recipe."""

    id: str
    game: str
    phase: str
    current: bool = False
    vmid: int | None = None
    node: str | None = None
    baked_at: AwareDatetime | None = None
    error: OperationError | None = None


class Orphan(Answer, frozen=True):
    """A VM that no living server explains."""

    vmid: int
    node: str = ""
    verdict: str
    reason: str = ""
    command: str | None = None


class Orphans(Answer, frozen=True):
    """What a sweep for orphans saw."""

    at: AwareDatetime | None = None
    dry_run: bool = False
    halted: bool = False
    more: int = 0
    orphans: tuple[Orphan, ...] = ()

    @property
    def deletable(self) -> int:
        """Count those that would be removed."""
        return sum(one.verdict == "to_delete" for one in self.orphans)


class LogTicket(Answer, frozen=True):
    """Leave to read one operation's log for a minute."""

    ticket: str
    history_url: str
    stream_url: str


class Line(Answer, frozen=True):
    """A line of an operation's log."""

    sequence: int
    time: AwareDatetime
    level: str = "info"
    writer: str = ""
    step: str | None = None
    text: str


class Tokens(Answer, frozen=True):
    """What a login gives."""

    access_token: str
    refresh_token: str
    expires_in: float = 300


class FieldProblem(Answer, frozen=True):
    """What is wrong with one field of a request."""

    pointer: str = ""
    detail: str = ""


class Problem(Answer, frozen=True):
    """A refusal, as RFC 9457 words it."""

    title: str = "The request was refused"
    status: int = 0
    code: str | None = None
    detail: str | None = None
    errors: tuple[FieldProblem, ...] = Field(default=())
    remedy: str | None = None
    request_id: str | None = None
