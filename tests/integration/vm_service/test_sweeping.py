"""Sweeps come by the clock, one copy at a time, and when an operator asks for one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest

from common.bell import Bell
from common.contracts.orphans import SweepReport, SweepWish
from common.db.engine import database
from common.db.leases import SqlLeases
from common.db.migrate import migrate
from common.db.work import UnitOfWork
from common.messaging.ask import AnswerRefused
from tests.fakes.sweeper import RANGE, FakeCluster, mark, verdicts
from tests.fakes.vm_service import INSTALL, FakeVM
from vm_service.adapters.sql import binding
from vm_service.adapters.sweep_sql import SqlLedger
from vm_service.adapters.sweeping import Sweeping
from vm_service.domain.network import AddressBook, VmidRange
from vm_service.domain.sweep import SWEEPER, Rules
from vm_service.domain.trouble import Trouble, Verdict
from vm_service.handlers.orphans import SweepTools
from vm_service.main import MIGRATIONS

pytestmark = pytest.mark.integration


@pytest.fixture
async def sweeping(database_url: str) -> AsyncIterator[Sweeping]:
    await migrate(database_url, MIGRATIONS)
    fake = FakeCluster()
    async with database(database_url) as sessions:
        vmids = VmidRange(first=RANGE.start, last=RANGE.stop - 1)
        bind = binding(lambda: vmids, lambda: AddressBook(()))
        yield Sweeping(
            sessions=sessions,
            work=UnitOfWork(sessions, bind=bind, bell=Bell()),
            tools=SweepTools(
                hypervisor=fake,
                ledger=SqlLedger(sessions),
                install=INSTALL,
                vmids=lambda: RANGE,
                rules=Rules(every=timedelta(seconds=0.2), age=timedelta(0)),
            ),
            owner="one",
            hold=lambda: nullcontext(fake),
        )


def cluster(sweeping: Sweeping) -> FakeCluster:
    assert isinstance(sweeping.tools.hypervisor, FakeCluster)
    return sweeping.tools.hypervisor


async def until_swept(sweeping: Sweeping) -> None:
    before = (await sweeping.tools.ledger.state()).swept_at
    while (await sweeping.tools.ledger.state()).swept_at == before:
        await asyncio.sleep(0.05)


async def listed(sweeping: Sweeping) -> SweepReport:
    return SweepReport.model_validate_json(await sweeping.answers()["orphans.list"](b""))


async def asked(sweeping: Sweeping, wish: SweepWish) -> SweepReport:
    answer = await sweeping.answers()["orphans.sweep"](wish.model_dump_json().encode())
    return SweepReport.model_validate_json(answer)


async def test_a_hypervisor_put_in_place_of_the_one_that_was_swept_loses_nothing(
    sweeping: Sweeping,
):
    held, put_in_place = FakeCluster(), cluster(sweeping)
    put_in_place.vms[900_001] = FakeVM(mark("srv_1"), running=True)
    held.vms[900_001] = FakeVM(mark("srv_1"), running=True)
    sweeping = replace(sweeping, hold=lambda: nullcontext(held))

    for _ in range(2):
        await asked(sweeping, SweepWish(dry_run=False))

    assert (list(held.vms), list(put_in_place.vms)) == ([], [900_001])


async def test_by_the_clock_an_orphan_goes_and_any_copy_can_tell(sweeping: Sweeping):
    cluster(sweeping).vms[900_001] = FakeVM(mark("srv_1"), running=True)
    other = replace(sweeping, owner="two")
    copies = [asyncio.ensure_future(copy.worker().run()) for copy in (sweeping, other)]

    while cluster(sweeping).vms:
        await asyncio.sleep(0.05)
    await until_swept(sweeping)

    for copy in copies:
        copy.cancel()
    await asyncio.gather(*copies, return_exceptions=True)
    assert cluster(sweeping).calls.count("destroy") == 1
    assert (await listed(other)).orphans == ()


async def test_before_the_first_sweep_there_is_a_report_that_says_so(sweeping: Sweeping):
    assert await listed(sweeping) == SweepReport()


async def test_an_operator_may_ask_for_a_sweep(sweeping: Sweeping):
    cluster(sweeping).vms[900_001] = FakeVM(mark("srv_1"))
    await asked(sweeping, SweepWish(dry_run=True))

    dry = await asked(sweeping, SweepWish(dry_run=True))
    done = await asked(sweeping, SweepWish(dry_run=False))

    assert (verdicts(dry), verdicts(done)) == ({900_001: "to_delete"}, {900_001: "deleted"})
    assert await listed(sweeping) == done


async def test_while_another_sweeps_it_is_refused(sweeping: Sweeping):
    async with sweeping.sessions.begin() as session:
        assert await SqlLeases(session).take(SWEEPER, owner="two", seconds=30)

    with pytest.raises(AnswerRefused) as refused:
        await asked(sweeping, SweepWish())

    assert refused.value.refusal.code == "sweep_busy"


async def test_a_hypervisor_that_refuses_is_told_and_sweeps_go_on_by_the_clock(sweeping: Sweeping):
    def refuse(_: str) -> None:
        raise Trouble(Verdict.DENIED, "no ticket", "check the token")

    cluster(sweeping).before = refuse
    with pytest.raises(AnswerRefused) as refused:
        await asked(sweeping, SweepWish())
    assert refused.value.refusal.code == "hypervisor_trouble"
    assert refused.value.refusal.remedy == "check the token"

    copy = asyncio.ensure_future(sweeping.worker().run())
    await until_swept(sweeping)
    cluster(sweeping).before = lambda _: None
    while (await listed(sweeping)).at is None:
        await asyncio.sleep(0.05)
    copy.cancel()
    await asyncio.gather(copy, return_exceptions=True)


async def test_what_is_not_a_wish_is_refused(sweeping: Sweeping):
    with pytest.raises(AnswerRefused):
        await sweeping.answers()["orphans.sweep"](b'{"cap": 0}')
