"""Deployments of a bench: asked for all at once, and where the time of each went."""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from common.contracts.ids import new_id
from tests.bench.ideal import Chain
from yard_cli.client.api import Gateway, gateway
from yard_cli.client.models import Operation
from yard_cli.failure import Failure
from yard_cli.stack.plan import lab_ca
from yard_cli.stack.session import RunningSite

GAME: Final = "teeworlds"
RUN: Final = ("ssh", "resolve", "playbook", "ready")
PATIENCE: Final = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where the time of one deployment went, in seconds."""

    operation: Operation
    clone: float  # the lab's clone task
    tasks: float  # the lab's other tasks for this VM
    boot: float  # waiting for the guest to answer
    run: float  # SSH, playbook, the game's first answer
    queue: float  # waiting for a playbook's turn

    @property
    def whole(self) -> float:
        """From the request to the end."""
        return self.operation.seconds or 0.0

    @property
    def overhead(self) -> float:
        """What is left for our services, waiting for a turn included."""
        return self.whole - self.clone - self.tasks - self.boot - self.run

    @property
    def chain(self) -> Chain:
        """What it needs, whoever schedules it."""
        return Chain(clone=self.clone, until_guest=self.tasks + self.boot, in_guest=self.run)


async def deployed(stack: RunningSite, count: int) -> Sequence[Deployment]:
    """Ask for so many servers at once, and see all of them running."""
    async with gateway(stack.url, credentials=stack.credentials) as api:
        asked = [await api.deploy({"game": GAME}, key=new_id("request")) for _ in range(count)]
        ended = [await _ended(api, operation.id) for operation in asked]
        names = {one.server_id: (await api.server(one.server_id)).name for one in ended}
    spent = await _spent_by_machine(stack)
    return [_split(operation, spent[names[operation.server_id]]) for operation in ended]


def makespan(deployments: Sequence[Deployment]) -> float:
    """Return what passed from the first request to the last end, in seconds."""
    operations = [deployment.operation for deployment in deployments]
    ends = [one.finished_at for one in operations if one.finished_at is not None]
    begins = [one.created_at for one in operations if one.created_at is not None]
    return (max(ends) - min(begins)).total_seconds()


async def _ended(api: Gateway, id: str) -> Operation:
    async with asyncio.timeout(PATIENCE):
        while not (operation := await api.operation(id)).has_ended:
            await asyncio.sleep(1)
    if operation.state != "succeeded":
        raise Failure(f"{id} {operation.state}", f"yard logs {id}")
    return operation


def _split(operation: Operation, spent: Mapping[str, float]) -> Deployment:
    steps = {step.name: step.seconds or 0.0 for step in operation.steps}
    return Deployment(
        operation=operation,
        clone=spent.get("qmclone", 0.0),
        tasks=sum(seconds for kind, seconds in spent.items() if kind != "qmclone"),
        boot=steps["address"],
        run=sum(steps[name] for name in RUN),
        queue=_gap(operation, "address", "ssh"),
    )


def _gap(operation: Operation, before: str, after: str) -> float:
    """Return what passed between two steps: playbooks run a few at a time."""
    steps = {step.name: step for step in operation.steps}
    ended, began = steps[before].ended_at, steps[after].started_at
    return (began - ended).total_seconds() if ended and began else 0.0


async def _spent_by_machine(stack: RunningSite) -> Mapping[str, Mapping[str, float]]:
    """Add up the lab's tasks for each VM, by the VM's name and the task's type."""
    trust = ssl.create_default_context(cafile=lab_ca(stack.site.folder))
    url = stack.site.ports.url("lab")
    async with httpx.AsyncClient(base_url=url, verify=trust, trust_env=False, timeout=30) as http:
        machines = (await http.get("/lab/vms")).json()
        tasks = (await http.get("/lab/tasks")).json()
    names = {machine["vmid"]: machine["name"] for machine in machines}
    spent: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for task in tasks:
        if task["machine"] in names and not task["running"]:
            spent[names[task["machine"]]][task["type"]] += task["seconds"]
    return spent
