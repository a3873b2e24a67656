"""Strict order for one server, side by side for many: two copies, one database."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import pairwise

import pytest

from common.bell import Bell
from common.contracts import events
from common.contracts.base import Event, now
from common.contracts.events import (
    ChangeRequested,
    DeploymentRequested,
    RemovalRequested,
    VMDeleted,
    VMReady,
    VMStopped,
)
from common.db.engine import Sessions, database
from common.db.leases import Lease
from common.db.mailbox import outbox
from common.db.migrate import migrate
from common.db.work import UnitOfWork
from common.worker import Worker
from tests.fakes.vm_service import INSTALL, NETWORK, SPEC, FakeHypervisor, FakeReach
from vm_service.adapters.sql import FencedWork, binding, due_machines
from vm_service.domain.network import AddressBook, VmidRange
from vm_service.handlers.requests import on_event
from vm_service.handlers.tools import Tools
from vm_service.handlers.turns import Turns
from vm_service.handlers.worker import work_on_machine
from vm_service.main import MIGRATIONS

pytestmark = pytest.mark.integration

SERVERS = [f"srv_{number}" for number in range(8)]
OUTCOMES = {"start": VMReady, "restart": VMReady, "stop": VMStopped, "kill": VMStopped}


class Copies:
    """Two copies of the service on one database, and whom they work on at every moment."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.hypervisor = FakeHypervisor()
        self.hypervisor.clock = asyncio.get_running_loop().time
        self.busy: dict[str, int] = defaultdict(int)
        self.overlaps: list[str] = []
        self.most = 0
        vmids, book = VmidRange(first=900_000, last=900_099), AddressBook((NETWORK,))
        self.bell = Bell()
        self.work = UnitOfWork(sessions, bind=binding(lambda: vmids, lambda: book), bell=self.bell)
        self.tools = Tools(
            hypervisor=self.hypervisor,
            reach=FakeReach(),
            install=INSTALL,
            clones=Turns(4),
            sleep=lambda seconds: asyncio.sleep(seconds / 50),
            clock=lambda: 50 * asyncio.get_running_loop().time(),
        )

    async def work_under(self, server: str, lease: Lease) -> None:
        self.busy[server] += 1
        if self.busy[server] > 1:
            self.overlaps.append(server)
        self.most = max(self.most, sum(self.busy.values()))
        try:
            await work_on_machine(server, work=FencedWork(self.work, lease), tools=self.tools)
        finally:
            self.busy[server] -= 1

    def worker(self, name: str) -> Worker:
        return Worker(
            name="machines",
            owner=name,
            sessions=self.sessions,
            bell=self.bell,
            find_due=partial(due_machines, self.sessions),
            work=self.work_under,
        )

    async def hear(self, event: Event) -> None:
        await on_event(event, work=self.work)

    async def said(self) -> list[Event]:
        query = outbox.select().order_by(outbox.c.position)
        async with self.sessions() as session:
            rows = (await session.execute(query)).all()
        return [events.decode(row.body.encode()) for row in rows if row.subject[:4] == "evt."]

    async def until_quiet(self) -> None:
        async with asyncio.timeout(100):
            while await due_machines(self.sessions, 1) or any(self.busy.values()):
                await asyncio.sleep(0.05)


@pytest.fixture
async def copies(database_url: str) -> AsyncIterator[Copies]:
    await migrate(database_url, MIGRATIONS)
    async with database(database_url) as sessions:
        copies = Copies(sessions)
        tasks = [asyncio.ensure_future(copies.worker(n).run()) for n in ("first", "second")]
        yield copies
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def change(server: str, number: int, kind) -> ChangeRequested:
    return ChangeRequested(
        server_id=server,
        operation_id=f"op_{number:03d}",
        kind=kind,
        spec=SPEC,
        deadline=now() + timedelta(minutes=5),
    )


async def deploy_all(copies: Copies) -> None:
    for server in SERVERS:
        await copies.hear(
            DeploymentRequested(server_id=server, operation_id="op_000", spec=SPEC, deadline=now())
        )
    await copies.until_quiet()


async def outcomes(copies: Copies) -> dict[str, list[Event]]:
    """Return what was announced of each server, in the order it was said."""
    found = defaultdict[str, list[Event]](list)
    for event in await copies.said():
        if isinstance(event, VMReady | VMStopped | VMDeleted):
            found[event.server_id].append(event)
    return found


async def test_the_newest_request_wins_and_no_older_one_comes_back(copies: Copies):
    dice = random.Random(3)
    await deploy_all(copies)
    wishes = [
        change(server, number, dice.choice(sorted(OUTCOMES)))
        for server in SERVERS
        for number in range(1, 8)
    ]
    last = {w.server_id: w for w in sorted(wishes, key=lambda w: w.operation_id)}
    dice.shuffle(wishes)

    for wish in wishes:  # late, early, and twice
        await copies.hear(wish)
        await copies.hear(wish.model_copy(update={"id": f"again-{wish.id}"}))
        await asyncio.sleep(dice.random() * 0.1)
    await copies.until_quiet()

    assert copies.overlaps == []
    assert copies.most > 2
    for server, said in (await outcomes(copies)).items():
        assert all(a.operation_id <= b.operation_id for a, b in pairwise(said))
        assert said[-1].operation_id == last[server].operation_id
        assert type(said[-1]) is OUTCOMES[last[server].kind]
    running = sum(vm.running for vm in copies.hypervisor.vms.values())
    assert running == sum(OUTCOMES[wish.kind] is VMReady for wish in last.values())


async def test_a_removal_wins_over_everything_and_only_what_was_seen_gone_is_given_out_again(
    copies: Copies,
):
    await deploy_all(copies)
    for number, kind in enumerate(["stop", "start", "restart"], start=1):
        for server in SERVERS:
            await copies.hear(change(server, number, kind))
        await asyncio.sleep(0.05)
    for server in SERVERS:
        await copies.hear(
            RemovalRequested(server_id=server, operation_id="op_100", reason="deleted")
        )
        await copies.hear(change(server, 9, "start"))
    await copies.until_quiet()

    assert copies.hypervisor.vms == {}
    for said in (await outcomes(copies)).values():
        assert isinstance(said[-1], VMDeleted)
    async with copies.work() as tx:
        assert await tx.machines.addresses(but="") == set()
        assert await tx.machines.used(but="") == {}


async def test_the_address_of_a_vm_that_would_not_go_is_not_given_out_again(copies: Copies):
    await deploy_all(copies)
    for vm in copies.hypervisor.vms.values():
        vm.description = "edited by an admin"
    for server in SERVERS:
        await copies.hear(
            RemovalRequested(server_id=server, operation_id="op_100", reason="deleted")
        )
    await copies.until_quiet()

    async with copies.work() as tx:
        assert len(await tx.machines.addresses(but="")) == len(SERVERS)
    assert len(copies.hypervisor.vms) == len(SERVERS)
