"""How long a stranger waits: from the command to a running server, and everything stopped."""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from yard_cli.bench import Figure, Options
from yard_cli.failure import Failure
from yard_cli.settings import ROOT, inherited

WARM_GOAL = 25.0
COLD_GOAL = 120.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the demo: what it printed, and how long it took in all."""

    printed: dict[str, Any]
    wall: float


async def measure(options: Options) -> Sequence[Figure]:
    """Measure warm runs on fresh data, and cold ones in fresh clones if asked to."""
    here = [sys.executable, "-m", "yard_cli"]
    warm = [await _run(here, ROOT, options) for _ in range(options.runs)]
    figures = [
        _figure("demo --once, warm", [run.wall for run in warm], warm, goal=WARM_GOAL),
        _figure("until the server runs, warm", [r.printed["seconds"] for r in warm], warm),
    ]
    if options.cold:
        cold = await _cold_run(options)
        figures.append(_figure("demo --once, cold", [cold.wall], [cold], goal=COLD_GOAL))
    return figures


def _figure(
    name: str, values: Sequence[float], runs: Sequence[Run], *, goal: float | None = None
) -> Figure:
    operation = median(run.printed["operation"]["seconds"] for run in runs)
    return Figure(
        name=name,
        value=round(median(values), 2),
        unit="s",
        goal=goal,
        compared_with=f"the deployment in it: {operation:.1f} s; runs: {len(runs)}",
    )


async def _cold_run(options: Options) -> Run:
    folder = Path(tempfile.mkdtemp(prefix="yard-bench-"))
    clone = folder / "clone"
    try:
        git = await asyncio.create_subprocess_exec("git", "clone", "-q", str(ROOT), str(clone))
        await git.wait()
        return await _run([str(clone / "yard")], clone, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _run(command: Sequence[str], where: Path, options: Options) -> Run:
    with tempfile.TemporaryDirectory(prefix="yard-bench-") as data:
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *(*command, "demo", "--once", "--json", "--data", data),
            *("--port-base", str(options.port_base)),
            cwd=where,
            env=inherited(Path(sys.executable).parent),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaints = await process.communicate()
        wall = time.monotonic() - began
    if process.returncode != 0:
        last = complaints.decode(errors="replace").splitlines()[-8:]
        raise Failure("the demo failed", "run it by itself: ./yard demo --once", details=last)
    return Run(json.loads(said.splitlines()[-1]), wall)
