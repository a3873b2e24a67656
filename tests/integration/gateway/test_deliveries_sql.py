"""Deliveries are remembered as their fake remembers them, on SQLite and PostgreSQL alike."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Select, insert, text
from sqlalchemy.dialects import sqlite

from common.bell import Bell
from common.contracts.base import now
from common.db.engine import Sessions
from common.db.leases import LeaseLost, SqlLeases
from common.db.work import UnitOfWork
from gateway.adapters.delivering import Delivering
from gateway.adapters.numbering import Numbering
from gateway.adapters.sql.due import by_keys, due_in_order, due_in_time, endpoints_due
from gateway.adapters.sql.endpoints import concerned
from gateway.adapters.sql.leftovers import endpoints_in
from gateway.adapters.sql.webhook_tables import attempts, deliveries
from gateway.adapters.sql.work import SqlWork
from gateway.domain.delivering import HELD_UP
from gateway.domain.delivery import Attempt, Delivery, DeliveryState
from gateway.handlers.attempts import Attempting
from gateway.handlers.dispatch_state import DispatchState
from gateway.handlers.fan_out import fan_out
from gateway.handlers.forgetting import BATCH, forgetting
from gateway.ports.deliveries import Due, Failed, Listed, ListedAttempts
from gateway.ports.sender import Answer
from gateway.ports.work import UnitOfWork as AnyUnitOfWork
from tests.fakes.deliveries import FakeSender, OpenSeals, answer
from tests.fakes.gateway import MOMENT
from tests.integration.gateway.works import InMemory, OnDatabases
from tests.unit.gateway.post import delivered, endpoint, players_changed

pytestmark = pytest.mark.integration

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def delivery(number: int, **more: Any) -> Delivery:
    made: dict[str, Any] = {
        "endpoint_id": "whk_1",
        "event_id": f"evt_{number}",
        "event_type": "server.ready",
        "subject_id": "srv_1",
        "created_at": MOMENT,
        "next_at": MOMENT,
    }
    return Delivery(position=number, **{**made, **more})


def attempt(number: int, **more: Any) -> Attempt:
    made: dict[str, Any] = {"event_id": "evt_1", "at": MOMENT + number * SECOND, "took": 0.25}
    return Attempt(endpoint_id="whk_1", number=number, **{**made, **more})


def due(**more: Any) -> Due:
    made: dict[str, Any] = {"at": MOMENT, "limit": 10, "held_since": MOMENT - HELD_UP}
    return Due(endpoint_id="whk_1", **{**made, **more})


async def ids_due(work: AnyUnitOfWork, **more: Any) -> list[str]:
    async with work() as tx:
        return [row.event_id for row in await tx.deliveries.due(due(**more))]


class Behaviour:
    """What every memory promises."""

    async def test_a_delivery_is_there_once_and_read_back_as_written(self, work: AnyUnitOfWork):
        moved = delivery(
            1, state=DeliveryState.FAILED, tries=8, attempts=9, done_at=MOMENT, next_at=MOMENT
        )
        async with work() as tx:
            await tx.deliveries.add(delivery(1), delivery(2))
            await tx.deliveries.save(moved)

        async with work() as tx:
            await tx.deliveries.add(delivery(1), delivery(3))

        async with work() as tx:
            held = await tx.deliveries.hold("whk_1", ["evt_1", "evt_3", "evt_none"])
        assert held == [moved, delivery(3)]

    async def test_what_is_due_comes_by_its_time_and_no_more_than_asked_for(
        self, work: AnyUnitOfWork
    ):
        async with work() as tx:
            await tx.deliveries.add(
                delivery(1, next_at=MOMENT - SECOND),
                delivery(2, next_at=MOMENT - MINUTE),
                delivery(3, next_at=MOMENT + SECOND),
                delivery(4, state=DeliveryState.SUCCEEDED),
                delivery(5, endpoint_id="whk_2"),
                delivery(6),
            )

        assert await ids_due(work) == ["evt_2", "evt_1", "evt_6"]
        assert await ids_due(work, limit=1, but=frozenset({"evt_2"})) == ["evt_1"]

    async def test_in_order_only_the_first_of_each_subject_is_due(self, work: AnyUnitOfWork):
        later = {"next_at": MOMENT + SECOND}
        async with work() as tx:
            await tx.deliveries.add(
                delivery(1, subject_id="srv_1", tries=1, **later),
                delivery(2, subject_id="srv_1"),
                delivery(3, subject_id="srv_2"),
                delivery(4, subject_id="srv_2"),
                delivery(5, subject_id="srv_3", state=DeliveryState.FAILED),
                delivery(6, subject_id="srv_3"),
                delivery(7, subject_id="srv_4", tries=3, created_at=MOMENT - HELD_UP, **later),
                delivery(8, subject_id="srv_4"),
                delivery(9, subject_id="srv_5", tries=3, created_at=MOMENT - HELD_UP),
                delivery(10, subject_id="srv_6", created_at=MOMENT - DAY),
                delivery(11, subject_id="srv_6"),
            )

        found = await ids_due(work, in_order=True)

        assert sorted(found) == ["evt_10", "evt_3", "evt_6", "evt_8", "evt_9"]

    async def test_calling_off_leaves_what_is_over(self, work: AnyUnitOfWork):
        done = delivery(2, state=DeliveryState.SUCCEEDED, done_at=MOMENT)
        async with work() as tx:
            await tx.deliveries.add(delivery(1), done, delivery(3, endpoint_id="whk_2"))
            await tx.deliveries.cancel("whk_1", at=MOMENT)

        async with work() as tx:
            listed = await tx.deliveries.listed(Listed(endpoint_id="whk_1", limit=9))
            others = await tx.deliveries.listed(Listed(endpoint_id="whk_2", limit=9))
        cancelled = delivery(1, state=DeliveryState.CANCELLED, done_at=MOMENT)
        assert listed == [done, cancelled]
        assert others[0].state is DeliveryState.PENDING

    async def test_pages_go_from_the_newest_to_the_oldest(self, work: AnyUnitOfWork):
        same = {"at": MOMENT + 9 * SECOND}
        async with work() as tx:
            await tx.deliveries.add(*(delivery(n) for n in range(1, 4)))
            await tx.deliveries.record(*(attempt(n) for n in range(1, 4)), attempt(4, **same))
            await tx.deliveries.record(attempt(1, event_id="evt_2", **same), attempt(3))

        async with work() as tx:
            store = tx.deliveries
            first = await store.listed_attempts(ListedAttempts(endpoint_id="whk_1", limit=2))
            last = await store.find_attempt("whk_1", first[-1].event_id, first[-1].number)
            rest = await store.listed_attempts(
                ListedAttempts(endpoint_id="whk_1", limit=9, after=last)
            )
            one = await store.listed_attempts(
                ListedAttempts(endpoint_id="whk_1", limit=9, event_id="evt_2")
            )
            page = await store.listed(Listed(endpoint_id="whk_1", limit=1, before=3))
            count = await store.count_attempts("whk_1", since=MOMENT + 3 * SECOND)

        assert [(row.event_id, row.number) for row in first] == [("evt_2", 1), ("evt_1", 4)]
        assert [row.number for row in rest] == [3, 2, 1]
        assert rest[-1] == attempt(1)
        assert len(one) == 1
        assert page == [delivery(2)]
        assert count == 3

    async def test_what_failed_in_a_time_is_found(self, work: AnyUnitOfWork):
        failed = {"state": DeliveryState.FAILED}
        since, until = MOMENT + 2 * SECOND, MOMENT + MINUTE
        sought = Failed(endpoint_id="whk_1", since=since, until=until, limit=2)
        async with work() as tx:
            await tx.deliveries.add(
                *(delivery(n, done_at=MOMENT + n * SECOND, **failed) for n in range(1, 6)),
                delivery(6, done_at=MOMENT + 2 * SECOND, state=DeliveryState.SUCCEEDED),
            )

            found = await tx.deliveries.failed(replace(sought, until=MOMENT + 4 * SECOND))
            rest = await tx.deliveries.failed(replace(sought, after=3))

        assert [row.event_id for row in found] == ["evt_2", "evt_3"]
        assert [row.event_id for row in rest] == ["evt_4", "evt_5"]

    async def test_what_is_old_is_dropped_a_little_at_a_time_attempts_first(
        self, work: AnyUnitOfWork
    ):
        over = {"state": DeliveryState.SUCCEEDED}
        async with work() as tx:
            await tx.deliveries.add(
                delivery(1, done_at=MOMENT - DAY, **over),
                delivery(2, done_at=MOMENT, **over),
                delivery(3, next_at=MOMENT - DAY),
                delivery(4),
            )
            await tx.deliveries.record(*(attempt(n, at=MOMENT - DAY) for n in range(1, 4)))
            await tx.deliveries.record(attempt(4))

        dropped: list[int] = []
        while not dropped or dropped[-1]:
            async with work() as tx:
                dropped.append(await tx.deliveries.forget(before=MOMENT, limit=2))

        async with work() as tx:
            left = await tx.deliveries.listed(Listed(endpoint_id="whk_1", limit=9))
            kept = await tx.deliveries.listed_attempts(ListedAttempts(endpoint_id="whk_1", limit=9))
        assert dropped[:2] == [2, 1]
        assert sum(dropped) == 5
        assert [row.position for row in left] == [4, 2]
        assert [row.number for row in kept] == [4]

    async def test_an_endpoint_that_is_gone_is_forgotten_a_little_at_a_time(
        self, work: AnyUnitOfWork
    ):
        async with work() as tx:
            await tx.endpoints.add(endpoint("whk_2"))
            await tx.deliveries.add(delivery(1), delivery(1, endpoint_id="whk_2"))
            await tx.deliveries.add(*(delivery(n) for n in range(2, 2 * BATCH)))
            await tx.deliveries.record(*(attempt(n) for n in range(BATCH + 1)))
            await tx.deliveries.record(replace(attempt(1), endpoint_id="whk_3"))
            assert await tx.deliveries.endpoints_known(after="", limit=2) == ["whk_1", "whk_2"]
            assert await tx.deliveries.endpoints_known(after="whk_1", limit=9) == [
                "whk_2", "whk_3",
            ]  # fmt: skip

        dropped = [count async for count in forgetting(work=work, before=MOMENT - DAY)]

        assert dropped == [BATCH, 1, BATCH, BATCH - 1, 1]
        async with work() as tx:
            assert await tx.deliveries.endpoints_known(after="", limit=9) == ["whk_2"]
            assert not await tx.deliveries.listed(Listed(endpoint_id="whk_1", limit=9))
            assert await tx.deliveries.listed(Listed(endpoint_id="whk_2", limit=9))
            assert await tx.deliveries.find_attempt("whk_1", "evt_1", 1) is None

    async def test_events_are_found_by_id_and_time_once_they_have_a_position(
        self, work: AnyUnitOfWork
    ):
        async with work() as tx:
            await tx.public_events.add(*(players_changed(n, at=MOMENT) for n in range(2)))
            await tx.public_events.add(players_changed(3, at=MOMENT + MINUTE))
            numbered = await tx.public_events.number(limit=3)
            await tx.public_events.add(players_changed(4, at=MOMENT))

            ids = [event.id for event in numbered[1:]]
            assert await tx.public_events.among([*ids, "evt_none"]) == numbered[1:]
            newer, older = (
                tx.public_events.last_before_newer,
                tx.public_events.first_after_older,
            )
            assert [await newer(MOMENT), await newer(MOMENT - SECOND)] == [2, 0]
            assert [await older(MOMENT), await older(MOMENT + SECOND)] == [1, 3]


class TestInMemory(InMemory, Behaviour):
    pass


class TestSql(OnDatabases, Behaviour):
    pass


def state(sender: FakeSender) -> DispatchState:
    return DispatchState(
        attempting=Attempting(sender=sender, opener=OpenSeals(), clock=now),
        clock=now,
    )


def delivering(sessions: Sessions, told: Bell, sender: FakeSender) -> Delivering:
    return Delivering(owner="one", sessions=sessions, told=told, state=state(sender))


async def test_a_committed_event_arrives_wherever_it_is_wanted(sessions: Sessions) -> None:
    bell, told = Bell(), Bell()
    work = UnitOfWork(sessions, bind=SqlWork, bell=bell)
    sender = FakeSender()
    loops = [
        asyncio.create_task(
            Numbering(sessions=sessions, work=work, bell=bell, told=told).run(), name="numbering"
        ),
        asyncio.create_task(delivering(sessions, told, sender).run(), name="delivering"),
    ]
    async with work() as tx:
        for name in ("whk_1", "whk_2"):
            await tx.endpoints.add(endpoint(name, in_order=name == "whk_2"))
        await tx.endpoints.add(endpoint("whk_3", owner_id="usr_2"))

    for number in range(20):
        async with work() as tx:
            await tx.public_events.add(players_changed(number))
    async with asyncio.timeout(60):
        while len(sender.sent) < 40:
            await asyncio.sleep(0.02)
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)

    in_order = [sent.id for sent in sender.sent if "whk_2" in sent.url]
    async with work() as tx:
        rows = await tx.public_events.among(in_order)
    assert in_order == [event.id for event in rows]
    assert len(set(sender.ids())) == 20


async def test_who_lost_the_lease_writes_nothing_down(sessions: Sessions) -> None:
    work = UnitOfWork(sessions, bind=SqlWork, bell=Bell())
    sender = FakeSender()
    async with work() as tx:
        await tx.endpoints.add(endpoint())
        await tx.public_events.add(players_changed())
        [event] = await tx.public_events.number(limit=1)
        await tx.deliveries.add(delivery(1, event_id=event.id))
    async with sessions.begin() as session:
        lease = await SqlLeases(session).take("whk_1", owner="one", seconds=60)
    assert lease is not None
    engine = delivering(sessions, Bell(), sender)

    stale = replace(lease, token=lease.token - 1)
    with pytest.raises(LeaseLost):
        await engine._deliver("whk_1", stale)
    assert sender.sent == []
    await engine._deliver("whk_1", lease)

    assert sender.ids() == [event.id]
    async with work() as tx:
        [row] = await tx.deliveries.hold("whk_1", [event.id])
    assert row.state is DeliveryState.SUCCEEDED


async def test_only_enabled_endpoints_with_something_due_that_nobody_holds(
    sessions: Sessions,
) -> None:
    work = UnitOfWork(sessions, bind=SqlWork, bell=Bell())
    async with work() as tx:
        for name in ("whk_1", "whk_2", "whk_3", "whk_4"):
            await tx.endpoints.add(endpoint(name, enabled=name != "whk_2"))
        later = {"next_at": now() + MINUTE}
        await tx.deliveries.add(
            delivery(1),
            delivery(1, endpoint_id="whk_2"),
            delivery(1, endpoint_id="whk_3", **later),
            delivery(1, endpoint_id="whk_4"),
            delivery(1, endpoint_id="whk_gone"),
        )
    async with sessions.begin() as session:
        await SqlLeases(session).take("whk_4", owner="other", seconds=60)
    engine = delivering(sessions, Bell(), FakeSender())

    found = await engine.find_due(10)
    engine.state.pause(endpoint("whk_1"), MINUTE)
    resting = await engine.find_due(10)
    engine.state.pause(endpoint("whk_1", revision=2), MINUTE)
    changed = await engine.find_due(10)

    assert (found, resting, changed) == (["whk_1"], [], ["whk_1"])


async def test_f63_those_that_fail_get_their_share_of_hands_and_no_more(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.adapters.delivering.HANDS", 10)
    monkeypatch.setattr("gateway.adapters.delivering.OTHERS", 8)
    work = UnitOfWork(sessions, bind=SqlWork, bell=Bell())
    async with work() as tx:
        for n in range(24):
            failing_since = MOMENT if n % 2 else None
            owner = f"usr_{n % 12}"
            await tx.endpoints.add(
                endpoint(f"whk_{n}", owner_id=owner, failing_since=failing_since)
            )
            await tx.deliveries.add(delivery(1, endpoint_id=f"whk_{n}"))
        await tx.endpoints.add(endpoint("whk_good", owner_id="usr_good"))
        events = [players_changed(owner_id=f"usr_{n}", server_id=f"srv_{n}") for n in range(12)]
        await tx.public_events.add(*events)
        await fan_out(tx, await tx.public_events.number(limit=20), at=now())
    sender, hang = FakeSender(), asyncio.Event()

    class Hanging:
        async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
            if "good" not in url:
                await hang.wait()
            return await sender.post(url, headers=headers, body=body)

    attempting = Attempting(sender=Hanging(), opener=OpenSeals(), clock=now)
    engine = Delivering(
        owner="one",
        sessions=sessions,
        told=Bell(),
        state=DispatchState(attempting=attempting, clock=now),
    )
    engine.state.places.poor.update(f"whk_{n}" for n in range(0, 24, 2))
    running = asyncio.create_task(engine.run())
    await asyncio.sleep(1)
    async with work() as tx:
        await tx.public_events.add(players_changed(owner_id="usr_good", server_id="srv_good"))
        await fan_out(tx, await tx.public_events.number(limit=20), at=now())
    engine.bell.ring()
    async with asyncio.timeout(30):
        while not sender.sent:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert [sent.url for sent in sender.sent] == [endpoint("whk_good").url]


async def test_a_hundred_thousand_pending_ones_are_asked_by_the_indexes(
    database_url: str, sessions: Sessions
) -> None:
    async with sessions.begin() as session:
        count = 100_000 if database_url.startswith("sqlite") else 20_000
        row = {"endpoint_id": "whk_1", "event_type": "t", "state": "pending", "tries": 0,
               "attempts": 0, "created_at": MOMENT, "next_at": MOMENT}  # fmt: skip
        rows = [
            {**row, "event_id": f"evt_{n}", "subject_id": f"srv_{n % 7}", "position": n}
            for n in range(count)
        ]
        await session.execute(insert(deliveries), rows)
        work = SqlWork(session)
        await work.endpoints.add(endpoint())
        if session.get_bind().dialect.name == "postgresql":  # SQLite's tables are never analysed
            await session.execute(text("ANALYZE"))
        began = asyncio.get_running_loop().time()
        in_order = await work.deliveries.due(due(in_order=True))
        in_time = await work.deliveries.due(due())
        found = list(await session.scalars(endpoints_due(now(), limit=10)))
        took = asyncio.get_running_loop().time() - began

    assert [row.position for row in in_order] == list(range(7))
    assert len(in_time) == 10
    assert found == ["whk_1"]
    assert took < 10
    if database_url.startswith("sqlite"):
        await _goes_by_the_indexes(sessions)


async def _goes_by_the_indexes(sessions: Sessions) -> None:
    heads, passed = due_in_order(due(in_order=True))
    wanted = {
        "webhook_deliveries_due": (due_in_time(due()), endpoints_due(MOMENT, limit=3)),
        "webhook_deliveries_order": (heads,),
        "(endpoint_id=? AND event_id=?)": (
            heads,
            by_keys([("whk_1", "evt_1"), ("whk_2", "evt_1")]),
        ),
        "webhook_deliveries_tried": (passed,),
        "(endpoint_id>?)": (
            endpoints_in(deliveries, after="", limit=9),
            endpoints_in(attempts, after="", limit=9),
        ),
        "(owner_id=?)": (concerned({"usr_1", "usr_2"}, {"whk_1"}),),
    }
    for index, queries in wanted.items():
        for query in queries:
            plan = await _plan(sessions, query)
            assert index in plan, plan
            assert "SCAN webhook_deliveries" not in plan, plan
            assert "SCAN webhook_attempts" not in plan, plan


async def _plan(sessions: Sessions, query: Select[*tuple[Any, ...]]) -> str:
    compiled = query.compile(
        dialect=sqlite.dialect(paramstyle="named"), compile_kwargs={"render_postcompile": True}
    )
    values = {
        name: value.replace(tzinfo=None).isoformat(" ") if isinstance(value, datetime) else value
        for name, value in compiled.params.items()
    }
    async with sessions() as session:
        rows = await session.execute(text(f"EXPLAIN QUERY PLAN {compiled}"), values)
        return "\n".join(row.detail for row in rows)


async def test_an_answer_of_410_ends_it_for_all_that_waits(sessions: Sessions) -> None:
    work = UnitOfWork(sessions, bind=SqlWork, bell=Bell())
    sender = FakeSender(says=lambda _: answer(410, body=b"go \xff\x00away"))
    async with work() as tx:
        await tx.endpoints.add(endpoint(max_in_flight=1))
        await tx.public_events.add(*(players_changed(n) for n in range(3)))
        events = await tx.public_events.number(limit=3)
        await tx.deliveries.add(*(delivery(n, event_id=e.id) for n, e in enumerate(events)))

    await delivered("whk_1", work=work, state=state(sender))

    async with work() as tx:
        kept = await tx.endpoints.find("whk_1")
        rows = await tx.deliveries.hold("whk_1", [event.id for event in events])
        log = await tx.deliveries.listed_attempts(ListedAttempts(endpoint_id="whk_1", limit=9))
        told = await tx.public_events.number(limit=9)
    assert kept is not None
    assert not kept.enabled
    assert DeliveryState.PENDING not in {row.state for row in rows}
    assert log[-1].answer == "go \ufffd\ufffdaway"
    assert [event.type for event in told] == ["webhook.endpoint_disabled"]
