"""The gateway's memory behaves like its fake, on SQLite and PostgreSQL alike."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from common.bell import Bell
from common.contracts.events import StepChanged, VMStopped
from common.contracts.ids import new_id
from common.contracts.servers import Plan, ServerSpec
from common.db.engine import database
from common.db.migrate import migrate
from common.db.work import UnitOfWork
from gateway.adapters.sql.tables import operations, servers
from gateway.adapters.sql.work import SqlWork
from gateway.domain.errors import PhaseForbids, ServerBusy
from gateway.domain.failure import Failure
from gateway.domain.kind import Kind
from gateway.domain.operation import Operation
from gateway.domain.phase import Phase
from gateway.domain.server import Server
from gateway.domain.step import planned
from gateway.domain.transitions import State
from gateway.domain.user import RefreshToken, Session
from gateway.handlers.acceptance import Asked
from gateway.handlers.events import on_event
from gateway.handlers.servers import request
from gateway.ports.records import Page, RequestKey
from gateway.ports.work import UnitOfWork as AnyUnitOfWork
from tests.fakes.gateway import MOMENT, USER
from tests.integration.gateway.works import MIGRATIONS, InMemory, OnDatabases

pytestmark = pytest.mark.integration

SPEC = ServerSpec(
    name="mine",
    game="blocks",
    game_version="1.2.3",
    settings={"motd": "Grüße \u2028 \U0001f600", "n": 1.5, "deep": {"list": [None, True]}},
    plan=Plan(name="small", cores=1, memory_mib=1024, disk_gib=8),
)


def operation(*, server_id: str = "srv_1", **more: object) -> Operation:
    made = Operation(
        id=new_id("operation"),
        kind=Kind.DEPLOY,
        server_id=server_id,
        owner_id="usr_1",
        spec=SPEC,
        created_at=MOMENT,
        heard_at=MOMENT,
        deadline=MOMENT + timedelta(minutes=45),
        steps=planned(Kind.DEPLOY),
    )
    return replace(made, **more)


def server(id: str = "srv_1", **more: object) -> Server:
    made = Server(
        id=id, owner_id="usr_1", spec=SPEC, operation_id="op_1",
        created_at=MOMENT, updated_at=MOMENT,
    )  # fmt: skip
    return replace(made, **more)


class Behaviour:
    """What every memory promises."""

    async def test_an_operation_is_read_back_as_it_was_written(self, work: AnyUnitOfWork) -> None:
        failure = Failure(code="c", detail="d\x00", remedy="r", step="clone", last_lines=("a", "b"))
        first = operation()
        changed = replace(
            first, state=State.FAILED, failure=failure, started_at=MOMENT, finished_at=MOMENT
        )

        async with work() as tx:
            await tx.operations.add(first)
            assert await tx.operations.find(first.id) == first
            await tx.operations.save(changed)

        async with work() as tx:
            assert await tx.operations.hold(first.id) == changed
            assert await tx.operations.find("op_0") is None

    async def test_a_server_is_read_back_as_it_was_written(self, work: AnyUnitOfWork) -> None:
        first = server()
        changed = replace(
            first, phase=Phase.RUNNING, host="h", connect="h:1", versions={"game": "5"}
        )

        async with work() as tx:
            await tx.servers.add(first)
            await tx.servers.save(changed)

        async with work() as tx:
            assert await tx.servers.hold("srv_1") == changed
            assert await tx.servers.find("srv_2") is None

    async def test_what_raises_leaves_no_trace(self, work: AnyUnitOfWork) -> None:
        with pytest.raises(RuntimeError):
            async with work() as tx:
                await tx.servers.add(server())
                await tx.operations.add(operation())
                await tx.inbox.claim("evt_1")
                raise RuntimeError

        async with work() as tx:
            assert await tx.servers.find("srv_1") is None
            assert await tx.operations.find_active("srv_1") is None
            assert await tx.inbox.claim("evt_1")

    async def test_a_server_has_one_active_operation_at_most(self, work: AnyUnitOfWork) -> None:
        ended, active = operation(state=State.FAILED, finished_at=MOMENT), operation()
        async with work() as tx:
            await tx.operations.add(ended)
            await tx.operations.add(active)

        with pytest.raises((IntegrityError, AssertionError)):
            async with work() as tx:
                await tx.operations.add(operation())

        async with work() as tx:
            assert await tx.operations.find_active("srv_1") == active
            assert await tx.operations.hold_active("srv_1") == active
            assert await tx.operations.find_active("srv_2") is None
            assert await tx.operations.hold_active("srv_2") is None

    async def test_a_kill_and_the_news_of_what_it_overtakes_never_wait_for_each_other(
        self, work: AnyUnitOfWork
    ) -> None:
        for n in range(8):
            stop = await self._stopping(work, f"srv_{n}")
            about: Any = {"server_id": stop.server_id, "operation_id": stop.id}
            facts = (
                StepChanged(step="shutdown", state="running", **about),
                VMStopped(vmid=1, node="pve", **about),
            )
            asked = Asked(server_id=stop.server_id, owner_id="usr_1")

            outcomes = await asyncio.gather(
                *(on_event(fact, work=work, at=MOMENT) for fact in facts),
                *(request(asked, Kind.KILL, work=work, at=MOMENT) for _ in range(2)),
                return_exceptions=True,
            )

            # Either the stop was done, and there is nothing to kill; or the kill went first.
            refused = [one for one in outcomes if isinstance(one, BaseException)]
            assert all(isinstance(one, (PhaseForbids, ServerBusy)) for one in refused)
            await self._agree(work, stop)

    async def _stopping(self, work: AnyUnitOfWork, server_id: str) -> Operation:
        async with work() as tx:
            began = {"operation_id": new_id("operation"), "has_vm": True}
            await tx.servers.add(server(server_id, phase=Phase.RUNNING, **began))
        asked = Asked(server_id=server_id, owner_id="usr_1")
        return await request(asked, Kind.STOP, work=work, at=MOMENT)

    async def _agree(self, work: AnyUnitOfWork, stop: Operation) -> None:
        async with work() as tx:
            found = await tx.operations.find(stop.id)
            active = await tx.operations.find_active(stop.server_id)
            kept = await tx.servers.find(stop.server_id)
        assert found is not None
        assert kept is not None
        assert found.has_ended
        if found.state is State.SUCCEEDED:
            assert (active, kept.phase) == (None, Phase.STOPPED)
            return
        assert active is not None
        assert (active.kind, kept.phase) == (Kind.KILL, Phase.STOPPING)
        assert kept.operation_id == active.id

    async def test_lists_are_newest_first_and_in_pages(self, work: AnyUnitOfWork) -> None:
        made = sorted((operation(server_id=f"srv_{n}") for n in range(5)), key=lambda o: o.id)
        async with work() as tx:
            for one in made:
                await tx.operations.add(one)
                await tx.servers.add(server(one.server_id))
            await tx.operations.add(operation(server_id="srv_9", owner_id="usr_2"))
            await tx.servers.save(server("srv_0", phase=Phase.DELETED))

        async with work() as tx:
            ask = tx.operations.of_owner
            page = Page(limit=3)
            first = await ask("usr_1", page=page, state=None, server_id=None)
            rest = await ask(
                "usr_1", page=Page(limit=3, after=first[-1].id), state=None, server_id=None
            )
            assert [*first, *rest] == made[::-1]
            assert await ask("usr_1", page=page, state=State.FAILED, server_id=None) == []
            assert await ask("usr_1", page=page, state=None, server_id="srv_3") == [
                one for one in made if one.server_id == "srv_3"
            ]
            servers = await tx.servers.of_owner("usr_1", page=Page(limit=9), labels={})
            assert [one.id for one in servers] == ["srv_4", "srv_3", "srv_2", "srv_1"]

    async def test_servers_are_found_by_all_of_their_labels(self, work: AnyUnitOfWork) -> None:
        odd = {"a.b/c-d_e": 'x="1"', "env": "prod"}
        async with work() as tx:
            await tx.servers.add(server("srv_1", labels=odd))
            await tx.servers.add(server("srv_2", labels={"env": "prod"}))
            await tx.servers.add(server("srv_3"))

        async with work() as tx:
            for labels, ids in (
                (odd, ["srv_1"]),
                ({"env": "prod"}, ["srv_2", "srv_1"]),
                ({"env": "qa"}, []),
                ({"none": ""}, []),
            ):
                page = Page(limit=9)
                found = await tx.servers.of_owner("usr_1", page=page, labels=labels)
                assert [one.id for one in found] == ids

    async def test_templates_are_everybodys_and_no_servers(self, work: AnyUnitOfWork) -> None:
        baked = SPEC.model_copy(update={"purpose": "template", "recipe": "abc"})
        async with work() as tx:
            await tx.servers.add(server("srv_1"))
            await tx.servers.add(server("srv_2", spec=baked, phase=Phase.TEMPLATE))
            await tx.servers.add(server("srv_3", spec=baked, owner_id="usr_2"))
            await tx.servers.add(server("srv_4", spec=baked, phase=Phase.DELETED))

        async with work() as tx:
            mine = await tx.servers.of_owner("usr_1", page=Page(limit=9), labels={})
            templates = await tx.servers.templates()

        assert [one.id for one in mine] == ["srv_1"]
        assert [one.id for one in templates] == ["srv_3", "srv_2"]

    async def test_quiet_and_overdue_operations_are_found(self, work: AnyUnitOfWork) -> None:
        quiet = operation(heard_at=MOMENT - timedelta(seconds=31))
        late = operation(server_id="srv_2", deadline=MOMENT)
        going_back = operation(server_id="srv_3", deadline=MOMENT, state=State.FAILING)
        ended = operation(server_id="srv_4", deadline=MOMENT, state=State.FAILED)
        async with work() as tx:
            for one in (quiet, late, going_back, ended):
                await tx.operations.add(one)

        async with work() as tx:
            since = MOMENT - timedelta(seconds=30)
            assert await tx.operations.unended(quiet_since=since, limit=9) == [quiet]
            assert await tx.operations.overdue(at=MOMENT, limit=9) == [late]

    async def test_a_key_is_taken_by_one_of_many_that_ask_at_once(
        self, work: AnyUnitOfWork
    ) -> None:
        async def claim(n: int) -> bool:
            key = RequestKey(scope="usr_1 POST", key="k", body_hash=f"h{n}")
            async with work() as tx:
                return await tx.request_keys.claim(key, operation_id=f"op_{n}", at=MOMENT)

        outcomes = await asyncio.gather(*(claim(n) for n in range(8)))

        assert outcomes.count(True) == 1
        async with work() as tx:
            key = RequestKey(scope="usr_1 POST", key="k", body_hash="?")
            n = outcomes.index(True)
            assert await tx.request_keys.find(key) == (f"h{n}", f"op_{n}")
            assert await tx.request_keys.find(replace(key, scope="usr_2 POST")) is None
            await tx.request_keys.forget(before=MOMENT + timedelta(seconds=1))
            assert await tx.request_keys.find(key) is None

    async def test_only_one_of_many_becomes_the_first_user(self, work: AnyUnitOfWork) -> None:
        async def add(n: int) -> bool:
            async with work() as tx:
                return await tx.users.add_first(replace(USER, id=f"usr_{n}", name=f"n{n}"))

        outcomes = await asyncio.gather(*(add(n) for n in range(4)))

        assert outcomes.count(True) == 1

    async def test_users_are_found_by_name_in_any_case(self, work: AnyUnitOfWork) -> None:
        async with work() as tx:
            await tx.users.add(USER)
            await tx.users.save_password(USER.id, password_hash="new")

        async with work() as tx:
            expected = replace(USER, password_hash="new")
            assert await tx.users.find_by_name("aNN") == await tx.users.find(USER.id) == expected
            assert await tx.users.find_by_name("bob") is None

    async def test_sessions_and_tokens_live_and_end_together(self, work: AnyUnitOfWork) -> None:
        session = Session(
            id="ses_1", user_id=USER.id, created_at=MOMENT, expires_at=MOMENT + timedelta(days=1)
        )
        token = RefreshToken(hash="h", session_id="ses_1", expires_at=MOMENT + timedelta(hours=1))
        async with work() as tx:
            await tx.users.add(USER)
            await tx.sessions.add(session)
            await tx.sessions.add_token(token)
            await tx.sessions.mark_used("h", at=MOMENT)
            await tx.sessions.add_token(token)
            await tx.sessions.revoke("ses_1", at=MOMENT)
            await tx.sessions.revoke("ses_1", at=MOMENT + timedelta(days=1))

        async with work() as tx:
            assert await tx.sessions.find("ses_1") == replace(session, revoked_at=MOMENT)
            assert await tx.sessions.hold_token("h") == replace(token, used_at=MOMENT)
            await tx.sessions.forget(before=MOMENT + timedelta(hours=2))
            assert await tx.sessions.hold_token("h") is None
            assert await tx.sessions.find("ses_1") is not None
            await tx.sessions.forget(before=MOMENT + timedelta(days=2))
            assert await tx.sessions.find("ses_1") is None

    async def test_failed_logins_are_counted_for_a_while(self, work: AnyUnitOfWork) -> None:
        async with work() as tx:
            for seconds in (0, 30, 60):
                await tx.login_failures.add("k", at=MOMENT + timedelta(seconds=seconds))
            await tx.login_failures.add("other", at=MOMENT)

        async with work() as tx:
            assert await tx.login_failures.count("k", since=MOMENT) == 2
            await tx.login_failures.forget(before=MOMENT + timedelta(seconds=60))
            assert await tx.login_failures.count("k", since=MOMENT - timedelta(days=1)) == 1

    async def test_a_held_operation_is_changed_by_one_at_a_time(self, work: AnyUnitOfWork) -> None:
        one = operation()
        async with work() as tx:
            await tx.operations.add(one)

        async def mark(change: Callable[[Operation], Operation]) -> None:
            async with work() as tx:
                held = await tx.operations.hold(one.id)
                assert held is not None
                await asyncio.sleep(0.01)
                await tx.operations.save(change(held))

        longer = timedelta(minutes=1)
        await asyncio.gather(
            *(mark(lambda o: replace(o, deadline=o.deadline + longer)) for _ in range(5))
        )

        async with work() as tx:
            found = await tx.operations.find(one.id)
            assert found is not None
            assert found.deadline == one.deadline + 5 * longer


class TestInMemory(InMemory, Behaviour):
    pass


class TestSql(OnDatabases, Behaviour):
    pass


# As they were written before servers could be stopped.
OLD_SERVER = {
    "id": "srv_1", "owner_id": "usr_1", "spec": SPEC.model_dump(mode="json"),
    "operation_id": "op_1", "created_at": MOMENT.isoformat(), "updated_at": MOMENT.isoformat(),
    "phase": "running", "host": "h", "ports": [], "connect": "h:1", "versions": {"game": "5"},
    "failure": None,
}  # fmt: skip
OLD_OPERATION = {
    "id": "op_1", "kind": "deploy", "server_id": "srv_1", "owner_id": "usr_1",
    "spec": SPEC.model_dump(mode="json"), "created_at": MOMENT.isoformat(),
    "deadline": MOMENT.isoformat(), "heard_at": MOMENT.isoformat(), "state": "running",
    "steps": [
        {"name": "clone", "state": "running", "attempt": 1, "progress": 0.5, "detail": None,
         "started_at": MOMENT.isoformat(), "ended_at": None},
    ],
    "failure": None, "started_at": MOMENT.isoformat(), "finished_at": None,
}  # fmt: skip


async def test_rows_from_before_servers_could_be_stopped_are_read(database_url: str) -> None:
    await migrate(database_url, MIGRATIONS)
    async with database(database_url) as sessions:
        work = UnitOfWork(sessions, bind=SqlWork, bell=Bell())
        async with work() as tx:
            await tx.servers.add(server(phase=Phase.RUNNING))
            await tx.operations.add(operation(id="op_1"))
        async with sessions.begin() as session:
            await session.execute(update(servers).values(body=OLD_SERVER))
            await session.execute(update(operations).values(body=OLD_OPERATION))

        async with work() as tx:
            found = await tx.servers.hold("srv_1")
            begun = await tx.operations.hold_active("srv_1")

    assert found is not None
    assert begun is not None
    assert (found.phase, found.has_vm, found.connect) == (Phase.RUNNING, False, "h:1")
    assert (begun.step, begun.is_change, begun.ends_by) == ("clone", False, MOMENT)
