"""What a bench is, and finding one: ``tests/bench/<name>.py`` with an ``async measure``."""

import importlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Literal, Protocol, cast

from pydantic import BaseModel

from yard_cli.failure import Failure

MEANINGS: Final[Mapping[str, str]] = {
    "demo": "how long a stranger waits for a running server",
    "pipeline": "what our services add to deployments, one or many at once",
    "provision": "how long Ansible needs in the guest, beside plain Ansible",
    "ready": "from the request to a server that answers, cold and prebaked",
    "vm": "the same in a real machine, step by step",
    "memory": "what each process of the stack holds",
    "lab": "how many requests the lab answers with 2,000 machines",
    "webhooks": "how fast events reach endpoints, and what those that hang do to others",
}


class Figure(BaseModel, frozen=True):
    """One figure. ``goal`` is a bound on it; ``compared_with`` was measured in the same run."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    better: Literal["lower", "higher"] = "lower"
    compared_with: str | None = None

    @property
    def holds(self) -> bool | None:
        """Tell whether the goal is met, if there is one."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal


class Options(BaseModel, frozen=True):
    """How to measure."""

    cold: bool = False
    runs: int = 3
    port_base: int = 18_080
    at_once: tuple[int, ...] = (50, 200)
    vm: bool = False
    postgresql: bool = False


Measure = Callable[[Options], Awaitable[Sequence[Figure]]]


class Bench(Protocol):
    """A module with figures to tell."""

    measure: Measure


def find(name: str) -> Measure:
    """Return the bench of that name."""
    if name not in MEANINGS:
        raise Failure(f"there is no bench called {name!r}", f"choose one of: {', '.join(MEANINGS)}")
    return cast("Bench", importlib.import_module(f"tests.bench.{name}")).measure
