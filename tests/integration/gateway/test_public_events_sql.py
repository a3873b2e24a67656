"""Public events in memory, on SQLite and on PostgreSQL: gap-free, in order, each read once."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.bell import Bell
from common.contracts import public_data as public
from common.db.engine import Sessions
from common.db.work import UnitOfWork
from gateway.adapters.numbering import Numbering
from gateway.adapters.sql.work import SqlWork
from gateway.domain.publicity import Notice
from gateway.ports.public_events import Sought
from gateway.ports.work import UnitOfWork as AnyUnitOfWork
from tests.fakes.gateway import MOMENT
from tests.integration.gateway.works import InMemory, OnDatabases

pytestmark = pytest.mark.integration


def notice(subject: str = "srv_1", *, owner: str = "usr_1", type: str = "x.y", **more) -> Notice:
    data = public.PingData(
        webhook=public.EndpointReference(id="whk_1", name="Grüße \x00"), links=public.Links()
    )
    return Notice(type=type, subject_id=subject, owner_id=owner, time=MOMENT, data=data, **more)


def sought(**more: Any) -> Sought:
    return replace(Sought(after=0, limit=999, owner_id=None), **more)


class Behaviour:
    """What every memory promises."""

    async def test_they_are_read_once_numbered_in_the_order_written(
        self, work: AnyUnitOfWork
    ) -> None:
        async with work() as tx:
            await tx.public_events.add(notice(), notice("srv_2"), notice())
        async with work() as tx:
            assert await tx.public_events.find(sought()) == []
            first = await tx.public_events.number(limit=2)
            rest = await tx.public_events.number(limit=2)
            none = await tx.public_events.number(limit=2)

        async with work() as tx:
            found = await tx.public_events.find(sought())
            assert [*first, *rest] == found
            assert list(none) == []
            assert [(e.position, e.subject_id, e.sequence) for e in found] == [
                (1, "srv_1", 1), (2, "srv_2", 1), (3, "srv_1", 2),
            ]  # fmt: skip
            assert found[0].data["webhook"] == {"id": "whk_1", "name": "Grüße \x00"}
            assert await tx.public_events.find(sought(after=1, limit=1)) == found[1:2]
            assert await tx.public_events.last_position() == 3

    async def test_they_are_sought_by_owner_subject_and_type(self, work: AnyUnitOfWork) -> None:
        async with work() as tx:
            await tx.public_events.add(
                notice(type="server.ready"),
                notice(type="server_x.ready"),
                notice("srv_2", owner="usr_2", type="operation.failed"),
                notice(type="webhook.ping", only_for="whk_1"),
            )
            await tx.public_events.number(limit=9)

        async with work() as tx:
            everything = await tx.public_events.find(sought())
            for query, positions in (
                (sought(), [1, 2, 3]),
                (sought(limit=2), [1, 2]),
                (sought(limit=2, newest=True), [2, 3]),
                (sought(owner_id="usr_2"), [3]),
                (sought(subject_id="srv_1"), [1, 2]),
                (sought(types=("server.*",)), [1]),
                (sought(types=("server.ready", "operation.failed")), [1, 3]),
            ):
                found = await tx.public_events.find(query)
                assert [event.position for event in found] == positions
                assert all(query.is_met_by(event) for event in found)
                met = [event for event in everything if query.is_met_by(event)]
                assert query.limit < len(met) or met == found

    async def test_many_writers_and_numberers_leave_no_gap(self, work: AnyUnitOfWork) -> None:
        async def write(subject: str) -> None:
            for _ in range(5):
                async with work() as tx:
                    await tx.public_events.add(notice(subject), notice(subject))

        async def number() -> None:
            for _ in range(10):
                async with work() as tx:
                    await tx.public_events.number(limit=3)
                await asyncio.sleep(0.01)

        await asyncio.gather(*(write(f"srv_{n % 2}") for n in range(4)), number(), number())
        async with work() as tx:
            await tx.public_events.number(limit=999)

        async with work() as tx:
            found = await tx.public_events.find(sought())
        assert [event.position for event in found] == list(range(1, 41))
        for subject in ("srv_0", "srv_1"):
            sequences = [event.sequence for event in found if event.subject_id == subject]
            assert sequences == list(range(1, 21))

    async def test_what_is_old_is_forgotten_and_its_numbers_are_not_given_again(
        self, work: AnyUnitOfWork
    ) -> None:
        old = [replace(notice(), time=MOMENT - timedelta(days=day)) for day in (33, 32, 31)]
        async with work() as tx:
            await tx.public_events.add(*old, notice())
            await tx.public_events.number(limit=9)
            await tx.public_events.add(*old)  # without a position yet: nobody has heard of it

        before = MOMENT - timedelta(days=30)
        async with work() as tx:
            assert await tx.public_events.forget(before=before, limit=2) == 2
            assert await tx.public_events.forget(before=before, limit=2) == 1
            assert await tx.public_events.forget(before=before, limit=2) == 0
            await tx.public_events.number(limit=9)
            found = await tx.public_events.find(sought())
            assert [(event.position, event.sequence) for event in found] == [
                (4, 4), (5, 5), (6, 6), (7, 7),
            ]  # fmt: skip

    async def test_what_one_endpoint_gets_alone_leaves_no_gap_for_others(
        self, work: AnyUnitOfWork
    ) -> None:
        alone = notice("whk_1", only_for="whk_1")
        async with work() as tx:
            await tx.public_events.add(alone, notice("whk_1"), alone, alone, notice("whk_1"))
            numbered = await tx.public_events.number(limit=9)
            found = await tx.public_events.find(sought())

        assert [event.sequence for event in found] == [1, 2]
        assert [event.sequence for event in numbered if event.only_for] == [1, 2, 3]

    async def test_one_that_came_late_hides_none_that_is_newer(self, work: AnyUnitOfWork) -> None:
        minutes = (-50, -40, -30, -20, -70)
        late = [replace(notice(), time=MOMENT + timedelta(minutes=one)) for one in minutes]
        async with work() as tx:
            await tx.public_events.add(*late)
            await tx.public_events.number(limit=9)

        async with work() as tx:
            since = await tx.public_events.last_before_newer(MOMENT - timedelta(minutes=60))
            until = await tx.public_events.first_after_older(MOMENT - timedelta(minutes=30))
            none = await tx.public_events.last_before_newer(MOMENT)
        assert (since, until, none) == (0, 6, 5)

    async def test_what_is_rolled_back_takes_no_number(self, work: AnyUnitOfWork) -> None:
        async with work() as tx:
            await tx.public_events.add(notice())
        with pytest.raises(ZeroDivisionError):
            async with work() as tx:
                await tx.public_events.add(notice())
                raise ZeroDivisionError
        async with work() as tx:
            await tx.public_events.add(notice())
            await tx.public_events.number(limit=9)

        async with work() as tx:
            found = await tx.public_events.find(sought())
        assert [(event.position, event.sequence) for event in found] == [(1, 1), (2, 2)]


class TestInMemory(InMemory, Behaviour):
    pass


class TestSql(OnDatabases, Behaviour):
    async def test_they_are_numbered_as_soon_as_they_are_committed(
        self, sessions: Sessions
    ) -> None:
        bell, told = Bell(), Bell()
        work = UnitOfWork(sessions, bind=SqlWork, bell=bell)
        numbering = Numbering(sessions=sessions, work=work, bell=bell, told=told)
        running = asyncio.create_task(numbering.run())
        listener = told.listener()
        try:
            for position in range(1, 4):
                async with work() as tx:
                    await tx.public_events.add(notice())
                await listener.wait(30)
                async with work() as tx:
                    assert await tx.public_events.last_position() == position
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
