"""What a fault is: which occasions it waits for, what it does then, how often."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

Action = Literal[
    "answer", "drop", "delay", "garble", "deny", "squat", "recertify", "down",
    "fail", "slow", "die", "warn", "race",
    "silence", "deafen", "lockout", "rekey", "mislead",
]  # fmt: skip


class Scope(StrEnum):
    """What a fault waits for."""

    REQUEST = "request"
    TASK = "task"
    GUEST = "guest"


SCOPES: Final[Mapping[str, Scope]] = {
    **dict.fromkeys(get_args(Action)[:8], Scope.REQUEST),
    **dict.fromkeys(get_args(Action)[8:13], Scope.TASK),
    **dict.fromkeys(get_args(Action)[13:], Scope.GUEST),
}
_ALWAYS: Final = frozenset(
    {"action", "machine", "node", "count", "after", "probability", "seed", "lasts"}
)
_BY_SCOPE: Final[Mapping[Scope, frozenset[str]]] = {
    Scope.REQUEST: frozenset({"method", "path"}),
    Scope.TASK: frozenset({"task"}),
    Scope.GUEST: frozenset(),
}
_BY_ACTION: Final[Mapping[str, frozenset[str]]] = {
    "answer": frozenset({"status", "statuses", "reason", "seconds", "executed"}),
    "drop": frozenset({"executed"}),
    "delay": frozenset({"seconds", "executed"}),
    "garble": frozenset({"body", "executed"}),
    "deny": frozenset({"privilege"}),
    "recertify": frozenset({"authority"}),
    "down": frozenset({"executed", "power", "seconds"}),
    "fail": frozenset({"text", "lines", "seconds"}),
    "slow": frozenset({"seconds"}),
    "die": frozenset({"late"}),
    "warn": frozenset({"text", "warnings"}),
    "mislead": frozenset({"address"}),
}
EXECUTED: Final[Mapping[str, bool]] = {"drop": True, "garble": True}  # the others: not
INJECTED: Final = "injected by the fault panel"


class FaultRule(BaseModel):
    """What to break, when and how often. Which fields an action takes: :func:`taken_by`.

    ``method`` (whole) and ``path`` (any part) pick requests, ``task`` (whole) picks task types;
    all three are regular expressions. ``machine`` and ``node`` narrow any of them.
    Seconds are the lab's: its speed divides them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Action
    method: str = ".*"
    path: str = ".*"
    task: str = ".*"
    machine: int | None = Field(default=None, ge=1)
    node: str | None = None
    count: int | None = Field(default=None, ge=1, description="strike this often, then never more")
    after: int = Field(default=0, ge=0, description="let the first so many occasions pass")
    probability: float = Field(default=1.0, ge=0, le=1)
    seed: int = 0
    lasts: float | None = Field(default=None, gt=0, description="seconds from its first strike")
    status: int = Field(default=500, ge=400, le=599)
    statuses: tuple[int, ...] = Field(default=(), description="the dice choose one of these")
    reason: str | None = Field(default=None, description="{machine} and {node} are filled in")
    executed: bool | None = Field(default=None, description="do what was asked before the trouble")
    seconds: float = Field(default=0.0, ge=0)
    body: Literal["html", "truncated", "huge", "empty"] = "html"
    privilege: str = Field(default="", pattern=r"^([A-Z][A-Za-z]*(\.[A-Za-z]+)+)?$")
    authority: Literal["same", "other"] = "same"
    power: bool = Field(default=True, description="down without power: guests and tasks die")
    late: bool = Field(default=False, description="die after the work has shown something")
    text: str = INJECTED
    lines: tuple[str, ...] = ()
    warnings: int = Field(default=1, ge=1)
    address: str = Field(default="127.0.0.1", min_length=1)

    @field_validator("method", "path", "task")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as wrong:
            raise ValueError(f"is not a regular expression: {wrong}") from wrong
        return pattern

    @property
    def scope(self) -> Scope:
        return SCOPES[self.action]

    @property
    def is_executed(self) -> bool:
        """Tell whether the request is carried out before the trouble comes."""
        return EXECUTED.get(self.action, False) if self.executed is None else self.executed


def taken_by(action: str) -> frozenset[str]:
    """Name the fields that mean something to an action."""
    return _ALWAYS | _BY_SCOPE[SCOPES[action]] | _BY_ACTION.get(action, frozenset())
