"""What our own services add to a deployment: its time without the lab's and the guest's share.

The hypervisor's share is what the lab says its tasks took. The guest's share is what passes in
the steps that wait for it or work inside it: boot, SSH, playbook, and the game's first answer.
"""

import asyncio
import ssl
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import httpx

from common.contracts.ids import new_id
from tests.bench.site import a_stack
from yard_cli.bench import Figure, Options
from yard_cli.client.api import Gateway, gateway
from yard_cli.client.models import Operation
from yard_cli.failure import Failure
from yard_cli.stack.plan import lab_ca
from yard_cli.stack.session import RunningSite

GAME = "teeworlds"
IN_THE_GUEST = frozenset({"address", "ssh", "playbook", "ready"})
MANY = 50
PATIENCE = 900.0
ONE_GOAL = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where the time of one deployment went, in seconds."""

    whole: float
    hypervisor: float
    guest: float
    queue: float

    @property
    def overhead(self) -> float:
        """What is left for our services, waiting for a turn included."""
        return self.whole - self.hypervisor - self.guest


async def measure(options: Options) -> Sequence[Figure]:
    """Deploy one at a time, then many at once."""
    with tempfile.TemporaryDirectory(prefix="yard-bench-") as data:
        async with a_stack(Path(data), port_base=options.port_base) as stack:
            single = [(await _deploy(stack, 1))[0] for _ in range(options.runs)]
            began = time.monotonic()
            many = await _deploy(stack, MANY)
            wall = time.monotonic() - began
    p95 = quantiles([one.overhead for one in many], n=20)[-1]
    return [
        _figure("overhead of 1 deployment", single, goal=ONE_GOAL),
        _figure(f"overhead of {MANY} at once, median", many),
        Figure(
            name=f"of it waiting for a playbook's turn, {MANY} at once, median",
            value=round(median(one.queue for one in many), 2),
            unit="s",
            compared_with=f"1 deployment waits {median(one.queue for one in single):.2f} s",
        ),
        _figure(f"overhead of {MANY} at once, 95th percentile", many, value=p95),
        Figure(
            name=f"deployments a minute, {MANY} at once",
            value=round(MANY / wall * 60, 1),
            unit="1/min",
            compared_with=f"one at a time: {60 / median(d.whole for d in single):.1f} 1/min",
        ),
    ]


def _figure(
    name: str,
    deployments: Sequence[Deployment],
    *,
    goal: float | None = None,
    value: float | None = None,
) -> Figure:
    whole, lab, guest = (
        median(getattr(one, part) for one in deployments)
        for part in ("whole", "hypervisor", "guest")
    )
    return Figure(
        name=name,
        value=round(median(d.overhead for d in deployments) if value is None else value, 2),
        unit="s",
        goal=goal,
        compared_with=f"the whole {whole:.2f} s, of it hypervisor {lab:.2f} s, guest {guest:.2f} s",
    )


async def _deploy(stack: RunningSite, count: int) -> Sequence[Deployment]:
    async with gateway(stack.url, credentials=stack.credentials) as api:
        asked = [await api.deploy({"game": GAME}, key=new_id("request")) for _ in range(count)]
        ended = await asyncio.gather(*(_ended(api, operation.id) for operation in asked))
        names = {one.server_id: (await api.server(one.server_id)).name for one in ended}
    spent = await _spent_by_machine(stack)
    return [_split(operation, spent[names[operation.server_id]]) for operation in ended]


async def _ended(api: Gateway, id: str) -> Operation:
    async with asyncio.timeout(PATIENCE):
        while not (operation := await api.operation(id)).has_ended:
            await asyncio.sleep(1)
    if operation.state != "succeeded":
        raise Failure(f"{id} {operation.state}", f"yard logs {id}")
    return operation


def _split(operation: Operation, hypervisor: float) -> Deployment:
    return Deployment(
        whole=operation.seconds or 0.0,
        hypervisor=hypervisor,
        guest=sum(s.seconds or 0.0 for s in operation.steps if s.name in IN_THE_GUEST),
        queue=_gap(operation, "address", "ssh"),
    )


def _gap(operation: Operation, before: str, after: str) -> float:
    """Return what passed between two steps: playbooks run a few at a time."""
    steps = {step.name: step for step in operation.steps}
    ended, began = steps[before].ended_at, steps[after].started_at
    return (began - ended).total_seconds() if ended and began else 0.0


async def _spent_by_machine(stack: RunningSite) -> Mapping[str, float]:
    """Add up the lab's tasks for each VM, by the VM's name."""
    trust = ssl.create_default_context(cafile=lab_ca(stack.site.folder))
    url = stack.site.ports.url("lab")
    async with httpx.AsyncClient(base_url=url, verify=trust, trust_env=False, timeout=30) as http:
        machines = (await http.get("/lab/vms")).json()
        tasks = (await http.get("/lab/tasks")).json()
    names = {machine["vmid"]: machine["name"] for machine in machines}
    spent: defaultdict[str, float] = defaultdict(float)
    for task in tasks:
        if task["machine"] in names and not task["running"]:
            spent[names[task["machine"]]] += task["seconds"]
    return spent
