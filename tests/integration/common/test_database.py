"""The database side of the promises, on SQLite and PostgreSQL alike."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from common.bell import Bell
from common.contracts.base import now
from common.contracts.events import VMDeleted, VMFailed
from common.db.engine import Sessions, database, ping
from common.db.leases import LeaseLost, SqlLeases, found_unleased, leases, unleased
from common.db.mailbox import (
    SqlInbox,
    SqlOutbox,
    inbox,
    keep_forgetting,
    mark_sent,
    metadata,
    unsent,
)
from common.db.outage import DatabaseAway
from common.db.work import UnitOfWork
from common.errors import Rejected
from tests.servers import PostgresServer

pytestmark = pytest.mark.integration

FACT = VMDeleted(server_id="srv_1", operation_id="op_1")


@pytest.fixture
async def sessions(database_url: str) -> AsyncGenerator[Sessions]:
    async with database(database_url) as sessions:
        async with sessions.begin() as session:
            await session.run_sync(lambda s: metadata.create_all(s.connection()))
        yield sessions


async def test_the_database_answers(sessions: Sessions) -> None:
    await ping(sessions)


async def test_a_message_is_claimed_once_even_by_many_at_once(sessions: Sessions) -> None:
    async def claim() -> bool:
        async with sessions.begin() as session:
            return await SqlInbox(session).claim("evt_1")

    outcomes = await asyncio.gather(*(claim() for _ in range(8)))

    assert sorted(outcomes) == [False] * 7 + [True]


async def test_a_claim_that_is_rolled_back_can_be_made_again(sessions: Sessions) -> None:
    with pytest.raises(RuntimeError):
        async with sessions.begin() as session:
            await SqlInbox(session).claim("evt_1")
            raise RuntimeError

    async with sessions.begin() as session:
        assert await SqlInbox(session).claim("evt_1")


async def test_old_claims_are_forgotten_and_new_ones_kept(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await SqlInbox(session).claim("evt_old")
        aged = inbox.update().values(claimed_at=now() - timedelta(days=200))
        await session.execute(aged)
        await SqlInbox(session).claim("evt_new")

    forgetting = asyncio.ensure_future(keep_forgetting(sessions))
    await asyncio.sleep(0.3)
    forgetting.cancel()

    async with sessions.begin() as session:
        assert not await SqlInbox(session).claim("evt_new")
        assert await SqlInbox(session).claim("evt_old")


async def test_the_outbox_keeps_what_was_committed_in_order(sessions: Sessions) -> None:
    facts = [FACT.model_copy(update={"id": f"evt_{n}"}) for n in range(5)]
    async with sessions.begin() as session:
        await SqlOutbox(session).add(*facts)

    async with sessions.begin() as session:
        rows = await unsent(session, limit=3)
        await mark_sent(session, [row.position for row in rows])
    async with sessions() as session:
        rest = await unsent(session, limit=10)

    assert [row.message_id for row in rows] == ["evt_0", "evt_1", "evt_2"]
    assert [row.message_id for row in rest] == ["evt_3", "evt_4"]
    assert VMDeleted.model_validate_json(rest[0].body) == facts[3]


async def test_the_bell_rings_after_a_commit_and_only_then(sessions: Sessions) -> None:
    bell = Bell()
    work = UnitOfWork(sessions, bind=lambda session: session, bell=bell)

    with pytest.raises(RuntimeError):
        async with work():
            raise RuntimeError
    assert bell.rings == 0

    async with work() as session:
        assert isinstance(session, AsyncSession)
    assert bell.rings == 1


async def test_what_is_recorded_of_work_under_way_wakes_nobody_who_looks_for_work(
    sessions: Sessions,
) -> None:
    bell = Bell()
    work = UnitOfWork(sessions, bind=lambda session: session, bell=bell)
    looks_for_work, tells = bell.listener(hears_all=False), bell.listener()
    looking = asyncio.ensure_future(looks_for_work.wait(60))

    async with work(under_way=True):
        pass
    await tells.wait(60)
    assert not looking.done()

    async with work():
        pass
    await looking


class TestLeases:
    async def test_one_of_many_gets_it(self, sessions: Sessions) -> None:
        async def take(owner: str) -> bool:
            async with sessions.begin() as session:
                return await SqlLeases(session).take("x", owner=owner, seconds=30) is not None

        outcomes = await asyncio.gather(*(take(f"copy{n}") for n in range(6)))

        assert sum(outcomes) == 1

    async def test_whoever_slept_through_its_end_cannot_write(self, sessions: Sessions) -> None:
        async with sessions.begin() as session:
            sleeper = await SqlLeases(session).take("x", owner="a", seconds=-1)
        async with sessions.begin() as session:
            successor = await SqlLeases(session).take("x", owner="b", seconds=30)
        assert sleeper is not None
        assert successor is not None
        assert successor.token == sleeper.token + 1

        async with sessions.begin() as session:
            await SqlLeases(session).check(successor)
            with pytest.raises(LeaseLost):
                await SqlLeases(session).check(sleeper)
            with pytest.raises(LeaseLost):
                await SqlLeases(session).renew(sleeper, seconds=30)

    async def test_of_several_those_are_renewed_that_still_hold(self, sessions: Sessions) -> None:
        async with sessions.begin() as session:
            mine = await SqlLeases(session).take_all(["a", "b"], owner="me", seconds=30)
            [lost] = await SqlLeases(session).take_all(["c"], owner="me", seconds=-1)
            await SqlLeases(session).take("c", owner="other", seconds=30)

        async with sessions.begin() as session:
            renewed = await SqlLeases(session).renew_all([*mine, lost], seconds=-1)

        assert renewed == frozenset(mine)
        async with sessions.begin() as session:
            taken = await SqlLeases(session).take_all(["a", "b", "c"], owner="x", seconds=30)
        assert [lease.subject_id for lease in taken] == ["a", "b"]

    async def test_a_released_lease_is_free_at_once(self, sessions: Sessions) -> None:
        async with sessions.begin() as session:
            lease = await SqlLeases(session).take("x", owner="a", seconds=30)
            assert lease is not None
            await SqlLeases(session).release(lease)

        async with sessions.begin() as session:
            assert await SqlLeases(session).take("x", owner="b", seconds=30) is not None

    async def test_of_several_those_are_taken_that_are_free(self, sessions: Sessions) -> None:
        async with sessions.begin() as session:
            await SqlLeases(session).take("b", owner="other", seconds=30)
            [old] = await SqlLeases(session).take_all(["d"], owner="other", seconds=-1)

        async with sessions.begin() as session:
            found = await SqlLeases(session).take_all(["d", "b", "a", "c"], owner="me", seconds=30)

        assert [(one.subject_id, one.token) for one in found] == [("d", 2), ("a", 1), ("c", 1)]
        async with sessions.begin() as session:
            assert await SqlLeases(session).still_held([old, *found]) == frozenset(found)
            await SqlLeases(session).release_all([old, *found[1:]])
        async with sessions.begin() as session:
            again = await SqlLeases(session).take_all(["a", "b", "c", "d"], owner="x", seconds=9)
        assert [one.subject_id for one in again] == ["a", "c"]

    async def test_copies_that_take_several_at_once_share_them_out(
        self, sessions: Sessions
    ) -> None:
        names = [f"srv_{number}" for number in range(20)]

        async def take(owner: str, *, backwards: bool) -> list[str]:
            async with sessions.begin() as session:
                wanted = names[::-1] if backwards else names
                found = await SqlLeases(session).take_all(wanted, owner=owner, seconds=30)
                return [one.subject_id for one in found]

        taken = await asyncio.gather(*(take(f"copy{n}", backwards=n % 2 > 0) for n in range(6)))

        assert sorted(name for each in taken for name in each) == sorted(names)

    async def test_what_goes_on_for_ever_is_found_unless_somebody_does_it(
        self, sessions: Sessions
    ) -> None:
        assert await found_unleased(1, subject_id="x", sessions=sessions) == ["x"]

        async with sessions.begin() as session:
            lease = await SqlLeases(session).take("x", owner="a", seconds=30)
        assert await found_unleased(1, subject_id="x", sessions=sessions) == []

        assert lease is not None
        async with sessions.begin() as session:
            await SqlLeases(session).release(lease)
        assert await found_unleased(1, subject_id="x", sessions=sessions) == ["x"]

    async def test_a_query_can_pass_over_what_is_leased(self, sessions: Sessions) -> None:
        async with sessions.begin() as session:
            await SqlLeases(session).take("busy", owner="a", seconds=30)
            await SqlLeases(session).take("free", owner="a", seconds=-1)

        async with sessions() as session:
            other = leases.alias()
            free = await session.scalars(
                other.select()
                .with_only_columns(other.c.subject_id)
                .where(unleased(other.c.subject_id))
            )
            assert list(free) == ["free"]


async def test_sqlite_keeps_what_was_committed_when_the_power_goes(
    sessions: Sessions, database_url: str
) -> None:
    if not database_url.startswith("sqlite"):
        pytest.skip("a setting of SQLite's; PostgreSQL syncs by default")
    async with sessions() as session:
        assert await session.scalar(text("PRAGMA synchronous")) == 2
        assert await session.scalar(text("PRAGMA journal_mode")) == "wal"


async def test_what_no_bus_would_take_does_not_get_into_the_outbox(sessions: Sessions) -> None:
    huge = VMFailed(server_id="srv_1", operation_id="op_1", step="clone", reason="é" * 200_000)

    with pytest.raises(Rejected, match="too large"):
        async with sessions.begin() as session:
            await SqlOutbox(session).add(FACT, huge)

    async with sessions() as session:
        assert await unsent(session, limit=10) == []


async def test_errors_do_not_tell_what_was_being_written(sessions: Sessions) -> None:
    with pytest.raises(IntegrityError) as caught:
        async with sessions.begin() as session:
            for _ in range(2):
                await session.execute(
                    text("INSERT INTO inbox VALUES (:id, '2026-01-01')"), {"id": "hunter2"}
                )

    assert "hunter2" not in str(caught.value).split("[SQL")[1]


async def test_a_fault_of_ours_is_not_taken_for_an_outage(sessions: Sessions) -> None:
    work = UnitOfWork(sessions, bind=lambda session: session, bell=Bell())

    with pytest.raises(DBAPIError) as caught:
        async with work() as session:
            await session.execute(
                text("SELECT * FROM inbox WHERE claimed_at = :x"), {"x": object()}
            )

    assert not isinstance(caught.value, DatabaseAway)


async def test_a_database_that_is_not_there_is_an_outage(tmp_path: Path) -> None:
    async with database(f"sqlite+aiosqlite:///{tmp_path}/no/such/folder/x.db") as nowhere:
        work = UnitOfWork(nowhere, bind=SqlInbox, bell=Bell())
        with pytest.raises(DatabaseAway):
            async with work() as inbox:
                await inbox.claim("evt_1")


async def test_a_server_that_breaks_off_is_an_outage(postgres: PostgresServer) -> None:
    async with database(
        f"postgresql+asyncpg://postgres@127.0.0.1:{postgres.port}/postgres"
    ) as sessions:
        work = UnitOfWork(sessions, bind=lambda session: session, bell=Bell())
        with pytest.raises(DatabaseAway):
            async with work() as session:
                await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        async with work() as session:
            assert await session.scalar(text("SELECT 1")) == 1
