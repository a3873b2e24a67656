"""From the request to a server that answers: from the plain template, and from a prebaked one.

Both in one run on one stack, one after the other, with simulated guests or real VMs. Which step
took how long stands beside each figure, and how busy the machine was. Real VMs take their packages
from this machine, so that no mirror is measured; a clone of the plain template may be resumed from
a golden state, a clone of a baked one boots.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

from common.contracts.ids import new_id
from tests.bench.site import a_stack
from tests.bench.vm import gathered, served
from yard_cli.bench import Figure, Options
from yard_cli.client.api import Gateway, gateway
from yard_cli.client.models import Operation
from yard_cli.failure import Failure
from yard_cli.stack.template import ensure_template

GAME: Final = "luanti"
APT_SOURCE: Final = "LAB_APT_SOURCE"
PATIENCE: Final = 1800.0  # seconds for one operation
SHOWN: Final = 0.05  # seconds; shorter steps are not worth a word


async def measure(options: Options) -> Sequence[Figure]:
    """Deploy from the plain template, bake one, deploy from that."""
    if options.vm:
        await ensure_template(_say)
        with served(await gathered(GAME)) as source, _apt_source(source):
            cold, baked, warm = await _runs(options)
    else:
        cold, baked, warm = await _runs(options)
    what = "real VM, local packages" if options.vm else "simulated guest"
    return [
        _figure(f"request to ready, cold, {what}", cold),
        _figure(f"request to ready, prebaked, {what}", warm),
        Figure(
            name=f"cold over prebaked, {what}",
            value=round(_middle(cold) / _middle(warm), 2),
            unit="x",
            better="higher",
        ),
        _figure(f"baking the template, {what}", [baked]),
    ]


@contextmanager
def _apt_source(source: str) -> Generator[None]:
    """Tell the lab, which the stack starts, where its real guests find packages."""
    before = os.environ.get(APT_SOURCE)
    os.environ[APT_SOURCE] = source
    try:
        yield
    finally:
        os.environ.pop(APT_SOURCE)
        if before is not None:
            os.environ[APT_SOURCE] = before


async def _runs(options: Options) -> tuple[list[Operation], Operation, list[Operation]]:
    with tempfile.TemporaryDirectory(prefix="yard-bench-") as data:
        async with (
            a_stack(Path(data), port_base=options.port_base, vm=options.vm) as stack,
            gateway(stack.url, credentials=stack.credentials) as api,
        ):
            cold = [await _deployed(api) for _ in range(options.runs)]
            baked = await _ended(api, await api.bake(GAME, key=new_id("request")))
            warm = [await _deployed(api) for _ in range(options.runs)]
    return cold, baked, warm


async def _deployed(api: Gateway) -> Operation:
    """Deploy a server, and let it go again: the next one finds the machine as this one did."""
    ended = await _ended(api, await api.deploy({"game": GAME}, key=new_id("request")))
    await _ended(api, await api.delete(ended.server_id))
    return ended


async def _ended(api: Gateway, asked: Operation) -> Operation:
    async with asyncio.timeout(PATIENCE):
        while not (operation := await api.operation(asked.id)).has_ended:
            await asyncio.sleep(0.5)
    if operation.state != "succeeded":
        why = operation.error.detail if operation.error else None
        raise Failure(f"{operation.kind} {operation.state}: {why}", f"yard logs {operation.id}")
    _say(f"{operation.kind}: {operation.seconds or 0:.1f} s ({_steps(operation)})")
    return operation


def _middle(operations: Sequence[Operation]) -> float:
    return median(operation.seconds or 0.0 for operation in operations)


def _figure(name: str, operations: Sequence[Operation]) -> Figure:
    middle = sorted(operations, key=lambda one: one.seconds or 0.0)[len(operations) // 2]
    load = os.getloadavg()[0]
    return Figure(
        name=name,
        value=round(_middle(operations), 2),
        unit="s",
        compared_with=f"{_steps(middle)}; load {load:.1f}; runs: {len(operations)}",
    )


def _steps(operation: Operation) -> str:
    took = [(step.name, step.seconds or 0.0) for step in operation.steps]
    return ", ".join(f"{name} {seconds:.2f}" for name, seconds in took if seconds >= SHOWN)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
