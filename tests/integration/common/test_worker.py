"""Long work goes on after a death, by one copy at a time."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import ClassVar

import pytest
from sqlalchemy import Column, MetaData, String, Table, delete, insert, select

from common.bell import Bell
from common.db.engine import Sessions, database
from common.db.leases import Lease, SqlLeases, leases, unleased
from common.db.mailbox import metadata
from common.worker import Worker

pytestmark = pytest.mark.integration

own_metadata = MetaData()
things = Table("things", own_metadata, Column("id", String(20), primary_key=True))


@pytest.fixture(autouse=True)
def nobody_busy() -> None:
    Copy.busy.clear()
    Copy.overlaps.clear()


@pytest.fixture
async def sessions(database_url: str) -> AsyncGenerator[Sessions]:
    async with database(database_url) as sessions:
        async with sessions.begin() as session:
            for tables in (metadata, own_metadata):
                await session.run_sync(lambda s, t=tables: t.create_all(s.connection()))
            await session.execute(insert(things), [{"id": f"t{n}"} for n in range(6)])
        yield sessions


class Copy:
    """One copy of a service: settles things, noting what it did and with whom it overlapped."""

    busy: ClassVar[dict[str, str]] = {}
    overlaps: ClassVar[list[str]] = []

    def __init__(self, sessions: Sessions, name: str, *, pause: float = 0.02) -> None:
        self.sessions, self.name, self.pause = sessions, name, pause
        self.settled: list[str] = []
        self.failures = 0
        self.worker = Worker(
            name="things",
            owner=name,
            sessions=sessions,
            bell=Bell(),
            find_due=self.due,
            work=self.work,
            concurrency=2,
        )

    async def due(self, limit: int) -> Sequence[str]:
        async with self.sessions() as session:
            query = select(things.c.id).where(unleased(things.c.id)).limit(limit)
            return list(await session.scalars(query))

    async def work(self, thing: str, lease: Lease) -> None:
        if thing in Copy.busy:
            Copy.overlaps.append(thing)
        Copy.busy[thing] = self.name
        try:
            await asyncio.sleep(self.pause)
            if self.failures:
                self.failures -= 1
                raise RuntimeError
            async with self.sessions.begin() as session:
                await SqlLeases(session).check(lease)
                await session.execute(delete(things).where(things.c.id == thing))
            self.settled.append(thing)
        finally:
            Copy.busy.pop(thing, None)


async def settled(*copies: Copy, within: float = 60) -> None:
    tasks = [asyncio.ensure_future(copy.worker.run()) for copy in copies]
    try:
        async with asyncio.timeout(within):
            while sum(len(copy.settled) for copy in copies) < 6:
                await asyncio.sleep(0.02)
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_two_copies_share_the_work_and_never_one_thing(sessions: Sessions) -> None:
    first, second = Copy(sessions, "first"), Copy(sessions, "second")

    await settled(first, second)

    assert sorted(first.settled + second.settled) == [f"t{n}" for n in range(6)]
    assert Copy.overlaps == []


async def test_a_fault_is_tried_again(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.worker.FAULT_PAUSE", 0.01)
    copy = Copy(sessions, "clumsy")
    copy.failures = 3

    await settled(copy)

    assert len(copy.settled) == 6


async def test_what_a_stopped_copy_leaves_is_free_at_once(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.worker.LEASE", 600)
    slow, quick = Copy(sessions, "slow", pause=60), Copy(sessions, "quick")
    task = asyncio.ensure_future(slow.worker.run())
    async with asyncio.timeout(60):
        while len(Copy.busy) < 2:
            await asyncio.sleep(0.01)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    await settled(quick)

    assert len(quick.settled) == 6


async def test_whose_lease_was_taken_over_lets_go(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.worker.RENEWAL", 0.05)
    copy = Copy(sessions, "zombie", pause=60)
    task = asyncio.ensure_future(copy.worker.run())
    async with asyncio.timeout(60):
        while len(Copy.busy) < 2:
            await asyncio.sleep(0.01)

    taken = set(Copy.busy)
    async with sessions.begin() as session:
        for thing in taken:
            await session.execute(
                metadata.tables["leases"]
                .update()
                .where(metadata.tables["leases"].c.subject_id == thing)
                .values(token=99, owner="successor", expires_at=4e9)
            )

    async with asyncio.timeout(60):
        while taken & set(Copy.busy):
            await asyncio.sleep(0.01)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_leases_are_renewed_together_but_who_is_busy_keeps_no_other_waiting(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.worker.RENEWAL", 0.2)
    monkeypatch.setattr("common.worker.LEASE", 4)
    renewals: list[int] = []
    renew_all = SqlLeases.renew_all

    async def counted(
        self: SqlLeases, those: Sequence[Lease], *, seconds: float
    ) -> frozenset[Lease]:
        renewals.append(len(those))
        return await renew_all(self, those, seconds=seconds)

    monkeypatch.setattr("common.db.leases.SqlLeases.renew_all", counted)
    copy = Copy(sessions, "busy", pause=60)
    copy.worker.concurrency = 6
    task = asyncio.ensure_future(copy.worker.run())
    async with asyncio.timeout(60):
        while len(Copy.busy) < 6 or 6 not in renewals:
            await asyncio.sleep(0.01)
        if sessions().get_bind().dialect.name == "postgresql":
            async with sessions.begin() as session:
                found = await session.execute(leases.select().where(leases.c.subject_id == "t0"))
                held = found.one()
                await SqlLeases(session).check(
                    Lease(subject_id="t0", owner=held.owner, token=held.token)
                )
                before = len(renewals)
                while len(renewals) < before + 3:
                    await asyncio.sleep(0.01)
    everything = set(Copy.busy)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert everything == {f"t{n}" for n in range(6)}


async def test_who_cannot_renew_lets_go_before_the_lease_runs_out(
    database_url: str, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.worker.RENEWAL", 0.1)
    monkeypatch.setattr("common.worker.LEASE", 1.5)
    monkeypatch.setattr("common.worker.LETTING_GO", 0.5)
    async with database(database_url) as own:
        copy = Copy(own, "cut off", pause=60)
        task = asyncio.ensure_future(copy.worker.run())
        async with asyncio.timeout(60):
            while len(Copy.busy) < 2:
                await asyncio.sleep(0.01)

        async def hang(*_: object, **__: object) -> None:
            await asyncio.sleep(60)  # a database that takes the question and never answers

        async def nothing(_: int) -> Sequence[str]:
            return []

        monkeypatch.setattr("common.db.leases.SqlLeases.renew_all", hang)
        copy.worker.find_due = nothing
        taken = set(Copy.busy)
        successor = Copy(sessions, "successor")
        next_one = asyncio.ensure_future(successor.worker.run())
        async with asyncio.timeout(60):
            while not taken <= set(successor.settled):
                await asyncio.sleep(0.01)
        for worker in (task, next_one):
            worker.cancel()
            with suppress(asyncio.CancelledError):
                await worker

    assert Copy.overlaps == []


async def test_a_database_that_is_away_for_a_while_ends_no_worker(sessions: Sessions) -> None:
    copy = Copy(sessions, "patient")
    asked = 0

    async def away(limit: int) -> Sequence[str]:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise ConnectionRefusedError
        return await copy.due(limit)

    copy.worker.find_due = away

    await settled(copy)

    assert len(copy.settled) == 6
