"""The provisioner's memory keeps its promises on both databases."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from common.bell import Bell
from common.contracts import events as evt
from common.contracts.servers import TaskTiming
from common.db.engine import Sessions, database
from common.db.leases import LeaseLost, SqlLeases
from common.db.mailbox import outbox
from common.db.migrate import migrate
from common.db.work import UnitOfWork
from provisioner.adapters.counting import find_running
from provisioner.adapters.sql import SqlWork, bind, fenced, find_due
from provisioner.domain.players import Count
from provisioner.domain.run import Run, Stage
from provisioner.domain.server_key import ServerKey
from provisioner.handlers import on_event
from provisioner.work import work_on
from tests.fakes.provisioner import (
    SERVER,
    SPEC,
    FakeProvisioner,
    PowerCut,
    a_lock,
    removal,
    vm_ready,
)

pytestmark = pytest.mark.integration

TIMING = TaskTiming(task="Install", seconds=1.5, changed=True)
MIGRATIONS = Path(__file__).parents[3] / "services" / "provisioner" / "migrations"


@dataclass(frozen=True)
class Memory:
    sessions: Sessions
    work: UnitOfWork[SqlWork]

    async def run(self) -> Run:
        async with self.work() as tx:
            run = await tx.runs.find(SERVER)
        assert run is not None
        return run

    async def said(self) -> int:
        async with self.sessions() as session:
            return await session.scalar(select(func.count()).select_from(outbox)) or 0


@pytest.fixture
async def memory(database_url: str) -> AsyncGenerator[Memory]:
    await migrate(database_url, MIGRATIONS)
    async with database(database_url) as sessions:
        yield Memory(sessions, UnitOfWork(sessions, bind=bind, bell=Bell()))


async def test_a_run_is_read_back_as_it_was_saved(memory: Memory):
    await on_event(vm_ready(), work=memory.work)
    run = (await memory.run()).begun().advanced()
    run = run.begun().advanced(timings=(TIMING,), lock=a_lock(), played="abc")
    ready = evt.ServerReady(
        server_id=SERVER, operation_id=run.operation_id, host="h", ports=(), connect="h:1"
    )

    async with memory.work() as tx:
        await tx.runs.save(run.begun().advanced().settled(ready))

    read = await memory.run()
    assert (read.stage, read.outcome, read.vm) == (Stage.DONE, ready, run.vm)
    assert (read.lock, read.unfinished, read.timings) == (run.lock, False, (TIMING,))
    assert read.played == "abc"
    assert read.applied == SPEC.model_copy(update={"lock": run.lock})


async def test_a_transaction_that_is_cut_leaves_no_trace(memory: Memory):
    event = vm_ready()
    with pytest.raises(PowerCut):
        async with memory.work() as tx:
            await tx.inbox.claim(event.id)
            await tx.outbox.add(event)
            raise PowerCut

    await on_event(event, work=memory.work)

    assert (await memory.run()).stage is Stage.WAITING
    assert await memory.said() == 0


async def test_work_is_due_until_it_is_settled_or_somebody_does_it(memory: Memory):
    await on_event(vm_ready(), work=memory.work)
    assert await find_due(5, sessions=memory.sessions) == [SERVER]

    async with memory.sessions.begin() as session:
        lease = await SqlLeases(session).take(SERVER, owner="one", seconds=10)
    assert await find_due(5, sessions=memory.sessions) == []

    async with memory.sessions.begin() as session:
        assert lease is not None
        await SqlLeases(session).release(lease)
    await on_event(removal(), work=memory.work)
    assert await find_due(5, sessions=memory.sessions) == []


async def test_of_servers_that_have_come_up_no_more_is_read_than_counting_needs(memory: Memory):
    await on_event(vm_ready(), work=memory.work)
    assert list(await find_running(sessions=memory.sessions)) == []
    run = replace(await memory.run(), stage=Stage.DONE, applied=SPEC, timings=(TIMING,) * 100)
    async with memory.work() as tx:
        await tx.runs.save(run)

    found = list(await find_running(sessions=memory.sessions))

    assert found == [replace(run, applied=None, timings=())]


async def test_a_count_is_kept_until_the_server_comes_up_anew(memory: Memory):
    for count in (Count(players=1), Count(players=2, max_players=8)):
        async with memory.work() as tx:
            await tx.counts.save(SERVER, count)
    async with memory.work() as tx:
        assert await tx.counts.find(SERVER) == Count(players=2, max_players=8)

    await on_event(vm_ready(), work=memory.work)

    async with memory.work() as tx:
        assert await tx.counts.find(SERVER) is None


async def test_who_has_lost_the_lease_records_nothing_more(memory: Memory):
    await on_event(vm_ready(), work=memory.work)
    async with memory.sessions.begin() as session:
        old = await SqlLeases(session).take(SERVER, owner="one", seconds=-1)
        new = await SqlLeases(session).take(SERVER, owner="two", seconds=10)
    assert old is not None
    assert new is not None
    tools = FakeProvisioner().tools

    with pytest.raises(LeaseLost):
        await work_on(SERVER, work=fenced(memory.work, old), tools=tools)

    assert await memory.said() == 0
    await work_on(SERVER, work=fenced(memory.work, new), tools=tools)
    assert (await memory.run()).stage is Stage.DONE


async def test_the_first_key_of_a_server_is_the_one_that_is_kept(memory: Memory):
    async def add(private: str) -> ServerKey:
        async with memory.work() as tx:
            return await tx.keys.get_or_add(
                ServerKey(server_id=SERVER, public="ssh-ed25519 A", private=private)
            )

    kept = [await add("sealed:1"), await add("sealed:2")]

    assert [key.private for key in kept] == ["sealed:1", "sealed:1"]


async def test_a_removal_takes_the_server_s_key_away(memory: Memory):
    async with memory.work() as tx:
        await tx.keys.get_or_add(ServerKey(server_id=SERVER, public="A", private="sealed:1"))

    await on_event(removal(), work=memory.work)

    async with memory.work() as tx:
        assert await tx.keys.find(SERVER) is None
