"""A range full of VMs for the sweeper: orphans of ours, and decoys it must not touch."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from common.contracts.orphans import SweepReport, SweepWish
from tests.fakes.vm_service import (
    INSTALL,
    SPEC,
    START,
    FakeHypervisor,
    FakeMemory,
    FakeTime,
    FakeVM,
)
from vm_service.domain.machine import Failure, Machine
from vm_service.domain.orphans import Record, life_of
from vm_service.domain.program import Kind, Stage
from vm_service.domain.sweep import Rules, SweepState
from vm_service.domain.vm import Listed
from vm_service.handlers.orphans import SweepTools
from vm_service.handlers.sweeper import sweep

RANGE = range(900_000, 900_100)
AGE = timedelta(minutes=30)


def mark(server_id: str, *, install: str = INSTALL, operation_id: str = "op_1") -> str:
    return f"spawnyard:{install}:{server_id}:{operation_id}"


def machine(
    server_id: str, vmid: int, stage: Stage, *, keep: bool = False, kind: Kind | None = None
) -> Machine:
    leaving = stage in {Stage.BLOCKED, Stage.GONE}
    return Machine(
        kind=kind or (Kind.REMOVE if leaving else Kind.DEPLOY),
        server_id=server_id,
        operation_id="op_1",
        stage=stage,
        spec=SPEC.model_copy(update={"keep_on_failure": keep}),
        vmid=vmid,
        node="pve",
        owned=True,
        failure=Failure(step="destroy", reason="refused") if stage is Stage.BLOCKED else None,
    )


class FakeCluster(FakeHypervisor):
    """The hypervisor, which also knows templates."""

    def __init__(self) -> None:
        super().__init__()
        self.templates: set[int] = set()

    async def inventory(self) -> Sequence[Listed]:
        listed = await super().inventory()
        return [replace(vm, template=vm.vmid in self.templates) for vm in listed]


@dataclass
class FakeLedger:
    """Reads the machines of a memory."""

    memory: FakeMemory
    since: dict[str, datetime] = field(default_factory=dict[str, datetime])
    kept: SweepState = field(default_factory=SweepState)

    async def records(self) -> Sequence[Record]:
        return [one for one in self._all() if one.life != "gone"]

    async def about(self, vmid: int, *, server_id: str | None) -> Sequence[Record]:
        return [one for one in self._all() if one.vmid == vmid or one.server_id == server_id]

    async def state(self) -> SweepState:
        return self.kept

    async def keep(self, state: SweepState) -> None:
        self.kept = SweepState.model_validate_json(state.model_dump_json())

    def _all(self) -> list[Record]:
        return [
            Record(
                server_id=row.server_id,
                vmid=row.vmid,
                node=row.node or "",
                life=life_of(row),
                since=self.since.get(row.server_id, START),
                failure=row.failure.reason if row.failure else "",
                remedy=row.failure.remedy if row.failure else None,
            )
            for row in self.memory.machines.rows.values()
            if row.vmid is not None
        ]


class FakeYard:
    """All that a sweep works with."""

    def __init__(self) -> None:
        self.memory, self.cluster, self.time = FakeMemory(), FakeCluster(), FakeTime()
        self.ledger = FakeLedger(self.memory)
        self.rules = Rules(age=AGE)

    def vm(self, vmid: int, description: str = "", **fields: object) -> None:
        self.cluster.vms[vmid] = FakeVM(description, **fields)  # type: ignore[arg-type]

    def row(self, *machines: Machine) -> None:
        self.memory.machines.rows |= {one.server_id: one for one in machines}

    async def sweep(self, wish: SweepWish | None = None) -> SweepReport:
        tools = SweepTools(
            hypervisor=self.cluster,
            ledger=self.ledger,
            install=INSTALL,
            vmids=lambda: RANGE,
            rules=self.rules,
            sleep=self.time.sleep,
            now=self.time.now,
        )
        return await sweep(work=self.memory, tools=tools, wish=wish)

    async def sweep_twice(self) -> SweepReport:
        """Sweep, wait for as long as an orphan must have been one, sweep again."""
        await self.sweep()
        self.pass_(AGE)
        return await self.sweep()

    def pass_(self, time: timedelta) -> None:
        self.time.seconds += time.total_seconds()

    def seen(self) -> dict[int, FakeVM]:
        return copy.deepcopy(self.cluster.vms)


def verdicts(report: SweepReport) -> dict[int, str]:
    return {one.vmid: one.verdict for one in report.orphans}
