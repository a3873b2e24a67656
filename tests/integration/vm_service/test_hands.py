"""Many deployments that wait keep nobody from changing what runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import pytest

from common.bell import Bell
from common.contracts.base import now
from common.contracts.events import ChangeRequested, DeploymentRequested
from common.db.engine import Sessions, database
from common.db.migrate import migrate
from common.db.work import UnitOfWork
from tests.fakes.vm_service import INSTALL, NETWORK, SPEC, FakeHypervisor, FakeReach
from vm_service.adapters import machine_worker
from vm_service.adapters.sql import SqlWork, binding
from vm_service.domain.network import AddressBook, VmidRange
from vm_service.domain.program import Stage
from vm_service.handlers.requests import on_event
from vm_service.handlers.tools import Tools
from vm_service.handlers.turns import Turns
from vm_service.main import MIGRATIONS

pytestmark = pytest.mark.integration


@pytest.fixture
async def sessions(database_url: str) -> AsyncIterator[Sessions]:
    await migrate(database_url, MIGRATIONS)
    async with database(database_url) as sessions:
        yield sessions


async def until(work: UnitOfWork[SqlWork], server: str, stage: Stage) -> None:
    async with asyncio.timeout(100):
        while True:
            async with work() as tx:
                machine = await tx.machines.get(server)
            if machine.stage is stage:
                return
            await asyncio.sleep(0.05)


async def test_a_kill_does_not_wait_for_deployments_in_line(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(machine_worker, "AT_ONCE", 3)
    hypervisor, bell, turns = FakeHypervisor(), Bell(), Turns(1)
    vmids, book = VmidRange(first=900_000, last=900_999), AddressBook((NETWORK,))
    work = UnitOfWork(sessions, bind=binding(lambda: vmids, lambda: book), bell=bell)
    tools = Tools(
        hypervisor=hypervisor,
        reach=FakeReach(),
        install=INSTALL,
        clones=turns,
        sleep=lambda seconds: asyncio.sleep(seconds / 50),
        clock=lambda: 50 * asyncio.get_running_loop().time(),
    )
    deadline = now() + timedelta(minutes=5)

    async def deploy(server: str) -> None:
        asked = DeploymentRequested(
            server_id=server, operation_id="op_1", spec=SPEC, deadline=deadline
        )
        await on_event(asked, work=work)

    workers = machine_worker.machine_workers("me", sessions, bell, work, tools)
    running = [asyncio.ensure_future(worker.run()) for worker in workers]
    try:
        await deploy("srv_first")
        await until(work, "srv_first", Stage.READY)
        async with work() as tx:
            home = (await tx.machines.get("srv_first")).home
        assert home is not None
        async with turns.of(home):  # all others wait for their turn
            for number in range(4):
                await deploy(f"srv_{number}")
            while hypervisor.calls.count("host_addresses") < 4:
                await asyncio.sleep(0.05)
            kill = ChangeRequested(
                server_id="srv_first",
                operation_id="op_2",
                kind="kill",
                spec=SPEC,
                deadline=deadline,
            )
            await on_event(kill, work=work)
            await until(work, "srv_first", Stage.OFF)
    finally:
        for task in running:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
