"""What our own services add to deployments: to one alone, and to many at once.

Overhead is a deployment's time without the lab's and the guest's share. The hypervisor's share is
what the lab says its tasks took; the guest's share is what passes in the steps that wait for it or
work inside it: boot, SSH, playbook, and the game's first answer. For many at once the makespan is
held against the shortest one that the same pieces allow (``tests/bench/ideal.py``).
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from tests.bench.deployments import Deployment, deployed, makespan
from tests.bench.ideal import shortest
from tests.bench.processes import memory_of, processor_of
from tests.bench.site import a_stack
from yard_cli.bench import Figure, Options
from yard_cli.stack.session import RunningSite

ONE_GOAL: Final = 0.15  # seconds
MAKESPAN_GOAL: Final = 1.05
CROWD: Final = 200  # the goals for many are given for so many
CLONES_AT_ONCE: Final = 4  # as the vm-service's settings have it
RUNS_AT_ONCE: Final = 8  # as the provisioner's settings have it
OURS: Final = ("gateway", "vm-service", "log-service", "nats")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Deployments asked for at once, and what they cost. Processor in seconds, memory in MiB."""

    deployments: Sequence[Deployment]
    processor: Mapping[str, float]
    memory: Mapping[str, float]

    @property
    def size(self) -> int:
        """How many they were."""
        return len(self.deployments)

    @property
    def stretch(self) -> float:
        """How much longer than the shortest schedule it took."""
        chains = [deployment.chain for deployment in self.deployments]
        ideal = shortest(chains, clones_at_once=CLONES_AT_ONCE, runs_at_once=RUNS_AT_ONCE)
        return makespan(self.deployments) / ideal


async def measure(options: Options) -> Sequence[Figure]:
    """Deploy one at a time, then so many at once."""
    with tempfile.TemporaryDirectory(prefix="yard-bench-") as data:
        async with a_stack(Path(data), port_base=options.port_base) as stack:
            ones = [(await deployed(stack, 1))[0] for _ in range(options.runs)]
            before = memory_of(stack)
            crowds = [await _crowd(stack, count) for count in options.at_once]
    return [_overhead("1 alone", ones, goal=ONE_GOAL), *_of_crowds(crowds, ones, before)]


async def _crowd(stack: RunningSite, count: int) -> Crowd:
    before = processor_of(stack)
    deployments = await deployed(stack, count)
    after = processor_of(stack)
    return Crowd(
        deployments=deployments,
        processor={name: after[name] - before[name] for name in after},
        memory=memory_of(stack),
    )


def _of_crowds(
    crowds: Sequence[Crowd], ones: Sequence[Deployment], before: Mapping[str, float]
) -> list[Figure]:
    figures: list[Figure] = []
    for crowd in crowds:
        figures += [*_of_time(crowd, ones), *_of_cost(crowd, before)]
        before = crowd.memory
    return figures


def _overhead(who: str, deployments: Sequence[Deployment], *, goal: float | None = None) -> Figure:
    whole, tasks, guest, queue = (
        median(values)
        for values in zip(
            *((d.whole, d.clone + d.tasks, d.boot + d.run, d.queue) for d in deployments),
            strict=True,
        )
    )
    return Figure(
        name=f"overhead, {who}, median",
        value=round(median(d.overhead for d in deployments), 3),
        unit="s",
        goal=goal,
        compared_with=f"the whole {whole:.2f} s: hypervisor {tasks:.2f}, guest {guest:.2f}, "
        f"of the overhead {queue:.2f} waiting for a playbook's turn",
    )


def _of_time(crowd: Crowd, ones: Sequence[Deployment]) -> list[Figure]:
    span = makespan(crowd.deployments)
    alone = 60 / median(deployment.whole for deployment in ones)
    return [
        _overhead(f"{crowd.size} at once", crowd.deployments),
        Figure(
            name=f"makespan over the ideal, {crowd.size} at once",
            value=round(crowd.stretch, 3),
            unit="x",
            goal=MAKESPAN_GOAL if crowd.size >= CROWD else None,
            compared_with=f"makespan {span:.1f} s; {CLONES_AT_ONCE} clones and {RUNS_AT_ONCE} "
            "playbooks at a time",
        ),
        Figure(
            name=f"deployments a minute, {crowd.size} at once",
            value=round(crowd.size / span * 60, 1),
            unit="1/min",
            better="higher",
            compared_with=f"one at a time: {alone:.1f} 1/min",
        ),
    ]


def _of_cost(crowd: Crowd, before: Mapping[str, float]) -> list[Figure]:
    ours = sum(crowd.processor[name] for name in OURS) / crowd.size
    ansible = crowd.processor["provisioner"] / crowd.size
    lab = crowd.processor["lab"] / crowd.size
    grown = {name: crowd.memory[name] - before.get(name, 0.0) for name in (*OURS, "provisioner")}
    most = max(grown, key=lambda name: grown[name])
    return [
        Figure(
            name=f"processor a deployment, {crowd.size} at once",
            value=round(ours, 3),
            unit="s",
            compared_with=f"provisioner with Ansible {ansible:.2f} s, lab {lab:.2f} s",
        ),
        Figure(
            name=f"memory grown by {crowd.size}, the most of any service",
            value=round(grown[most], 1),
            unit="MiB",
            compared_with=f"{most}: {crowd.memory[most]:.0f} MiB",
        ),
    ]
