"""The fault panel: rules that make the lab misbehave on demand, a given number of times."""

import itertools
import random
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from proxmox_lab.tasks.task import Task


class FaultRule(BaseModel):
    """What to break. ``method`` and ``path`` pick requests; ``task`` picks task types.

    ``answer`` refuses before anything happens; ``drop`` lets it happen and cuts the connection;
    ``delay`` waits first; ``fail`` lets a task end with ``text``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["answer", "drop", "delay", "fail"]
    method: str = ".*"
    path: str = ".*"
    task: str = ".*"
    machine: int | None = None
    status: int = 500
    reason: str = "injected by the fault panel"
    text: str = "injected by the fault panel"
    seconds: float = 0.0
    count: int | None = Field(default=None, ge=1)
    probability: float = Field(default=1.0, ge=0, le=1)
    seed: int = 0


class Fault:
    """One rule at work."""

    def __init__(self, id: str, rule: FaultRule) -> None:
        self.id = id
        self.rule = rule
        self.hits = 0
        self._dice = random.Random(rule.seed)  # noqa: S311 (repeatable on purpose)

    def strikes(self) -> bool:
        """Decide whether it happens this time, and count it."""
        if self.rule.count is not None and self.hits >= self.rule.count:
            return False
        if self._dice.random() >= self.rule.probability:
            return False
        self.hits += 1
        return True


class Faults:
    """All rules, in the order they came."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._faults: dict[str, Fault] = {}

    def add(self, rule: FaultRule) -> Fault:
        """Put a rule to work."""
        fault = Fault(f"fault-{next(self._ids)}", rule)
        self._faults[fault.id] = fault
        return fault

    def remove(self, id: str | None) -> None:
        """Take a rule away, or all of them."""
        if id is None:
            self._faults.clear()
        else:
            self._faults.pop(id, None)

    def all(self) -> list[Fault]:
        """Return every rule with its hits."""
        return list(self._faults.values())

    def striking(self, method: str, path: str) -> list[FaultRule]:
        """Return the rules that strike this request."""
        return [
            fault.rule
            for fault in self.all()
            if fault.rule.action != "fail"
            and re.fullmatch(fault.rule.method, method, re.IGNORECASE)
            and re.search(fault.rule.path, path)
            and fault.strikes()
        ]

    def failure_of(self, task: Task) -> str | None:
        """Return the text a task has to fail with, if a rule strikes it."""
        for fault in self.all():
            fits = (
                fault.rule.action == "fail"
                and re.fullmatch(fault.rule.task, task.upid.type)
                and fault.rule.machine in (None, task.machine)
            )
            if fits and fault.strikes():
                return fault.rule.text
        return None
