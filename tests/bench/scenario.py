"""What the engine is to do, what it tells of it, and how it is started."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import BaseModel, Field, JsonValue

from yard_cli.failure import Failure

LIVE: Final = "server.players_changed"  # what is told while it is measured
OLD: Final = "server.stopped"  # what was told before
LINE: Final = 2**26  # bytes of a run


class Wanting(BaseModel, frozen=True):
    """An endpoint at a local port. ``patient``: the run does not wait for what it has not got."""

    port: int
    types: tuple[str, ...] = (LIVE,)
    filter: Mapping[str, JsonValue] = Field(default_factory=dict)
    in_flight: int = 2
    patient: bool = False


class Scenario(BaseModel, frozen=True):
    """``old``: events that are pending already; ``events``: those that are told and measured.

    Told one a transaction, ``gap`` seconds between two; ``at_once``: committed before delivering
    begins, which is when the time begins too.
    """

    url: str
    sealing_key: Path
    endpoints: tuple[Wanting, ...] = ()
    old: int = 0
    events: int = 0
    gap: float = 0.0
    at_once: bool = False


class Run(BaseModel, frozen=True):
    """When each event was committed and all was done, by the clock of all; and what it cost."""

    committed: Mapping[str, float]
    told: float  # seconds in which they were committed
    took: float  # seconds from the first of them until everything was written down
    processor: float  # seconds of that


async def run(scenario: Scenario, *, core: set[int], log: Path) -> Run:
    """Let it run in a process on these cores."""
    with log.open("ab") as sink:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.engine"),
            stdin=PIPE, stdout=PIPE, stderr=sink, limit=LINE,
        )  # fmt: skip
    os.sched_setaffinity(process.pid, core)
    try:
        said, _ = await process.communicate(f"{scenario.model_dump_json()}\n".encode())
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    if process.returncode != 0:
        raise Failure("the engine failed", "read its last lines", details=_end_of(log))
    return Run.model_validate_json(said)


def _end_of(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-20:]
