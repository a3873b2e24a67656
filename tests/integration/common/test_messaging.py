"""From one outbox through a real bus to a handler: what is said is heard, whatever breaks."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from nats.aio.msg import Msg
from nats.js.api import ConsumerInfo
from pydantic import SecretStr

from common.bell import Bell
from common.contracts import events, logs, topology
from common.contracts.events import AnyEvent, RemovalRequested, VMDeleted
from common.db.engine import Sessions, database
from common.db.mailbox import SqlOutbox, metadata
from common.db.outage import DatabaseAway
from common.errors import Rejected
from common.messaging.ask import NobodyAnswers, answer_questions, ask
from common.messaging.connection import Bus, jetstream, ping
from common.messaging.consumer import Consumer
from common.messaging.declare import declare, keep_declared
from common.messaging.log_writer import log_writer
from common.messaging.relay import Relay
from tests.servers import NatsServer
from tools import nats_conf as compose_conf
from yard_cli.stack import nats_conf as yard_conf

pytestmark = pytest.mark.integration


def removal(n: int) -> RemovalRequested:
    return RemovalRequested(id=f"evt_{n}", server_id="srv_1", operation_id="op_1", reason="deleted")


async def say(bus: Bus, event: events.AnyEvent) -> None:
    await bus.js.publish(
        event.subject, event.model_dump_json().encode(), headers={"Nats-Msg-Id": event.id}
    )


async def until(true: Callable[[], bool], *, within: float = 60) -> None:
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(*loops: object) -> AsyncGenerator[None]:
    tasks = [asyncio.ensure_future(loop) for loop in loops]  # type: ignore[arg-type]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


def consumer(bus: Bus, handle: object, **options: object) -> Consumer[AnyEvent]:
    return Consumer(
        bus=bus,
        durable=topology.VM_SERVICE,
        decode=events.decode,
        handle=handle,  # type: ignore[arg-type]
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture
async def sessions(tmp_path: Path) -> AsyncGenerator[Sessions]:
    async with database(f"sqlite+aiosqlite:///{tmp_path}/box.db") as sessions:
        async with sessions.begin() as session:
            await session.run_sync(lambda s: metadata.create_all(s.connection()))
        yield sessions


class TestConsumer:
    async def test_what_is_handled_is_not_given_again(self, bus: Bus) -> None:
        heard: Counter[str] = Counter()

        async def handle(event: AnyEvent) -> None:
            heard[event.id] += 1

        async with running(consumer(bus, handle).run()):
            for n in range(50):
                await say(bus, removal(n))
            await until(lambda: len(heard) == 50)
            info = await _acknowledged(bus)

        assert set(heard.values()) == {1}
        assert info.num_redelivered == 0

    async def test_a_failure_is_tried_again_and_buried_in_the_end(self, bus: Bus) -> None:
        heard: list[str] = []

        async def handle(event: AnyEvent) -> None:
            heard.append(event.id)
            msg = "not yet"
            raise RuntimeError(msg)

        async with running(consumer(bus, handle, pauses=(0.01, 0.01)).run()):
            await say(bus, removal(1))
            await until(lambda: len(heard) == 3)
            dead = await _dead(bus)

        assert dead.headers is not None
        assert dead.headers["Reason"] == "failed 3 times"
        assert events.decode(dead.data or b"").id == "evt_1"

    async def test_a_database_that_is_away_is_waited_for_however_long(self, bus: Bus) -> None:
        tries = 0

        async def handle(_: AnyEvent) -> None:
            nonlocal tries
            tries += 1
            if tries < 5:
                raise DatabaseAway

        async with running(consumer(bus, handle, pauses=(0.01,), outage_pause=0.01).run()):
            await say(bus, removal(1))
            await until(lambda: tries == 5)
            info = await _acknowledged(bus)

        assert tries == 5
        assert info.num_redelivered == 0

    async def test_a_consumer_whose_connection_is_closed_for_good_gives_up(self, bus: Bus) -> None:
        async def handle(_: AnyEvent) -> None: ...

        loop = asyncio.ensure_future(consumer(bus, handle).run())
        await asyncio.sleep(0.1)
        await bus.client.close()  # as nats-py does itself when our user is revoked

        with pytest.raises(ConnectionError, match="for good"):
            async with asyncio.timeout(60):
                await loop

    async def test_a_rejection_is_buried_at_once(self, bus: Bus) -> None:
        async def handle(_: AnyEvent) -> None:
            msg = "no such server"
            raise Rejected(msg)

        async with running(consumer(bus, handle).run()):
            await say(bus, removal(1))
            dead = await _dead(bus)

        assert dead.headers is not None
        assert dead.headers["Reason"] == "no such server"

    async def test_nonsense_is_buried_and_stops_nobody(self, bus: Bus) -> None:
        heard: list[str] = []

        async def handle(event: AnyEvent) -> None:
            heard.append(event.id)

        async with running(consumer(bus, handle, concurrency=1).run()):
            await bus.js.publish("evt.removal.requested.v1.srv_1", b"{nonsense")
            await say(bus, removal(2))
            await until(lambda: heard == ["evt_2"])
            dead = await _dead(bus)

        assert dead.data == b"{nonsense"

    async def test_one_at_a_time_keeps_the_order(self, bus: Bus) -> None:
        heard: list[str] = []

        async def handle(event: AnyEvent) -> None:
            await asyncio.sleep(0.001)
            heard.append(event.id)

        for n in range(30):
            await say(bus, removal(n))
        async with running(consumer(bus, handle, concurrency=1).run()):
            await until(lambda: len(heard) == 30)

        assert heard == [f"evt_{n}" for n in range(30)]

    async def test_stopped_in_the_middle_the_next_copy_gets_it_at_once(self, bus: Bus) -> None:
        begun = asyncio.Event()
        heard: list[str] = []

        async def stuck(_: AnyEvent) -> None:
            begun.set()
            await asyncio.sleep(60)

        async def handle(event: AnyEvent) -> None:
            heard.append(event.id)

        await say(bus, removal(1))
        async with running(consumer(bus, stuck).run()):
            await begun.wait()
        async with running(consumer(bus, handle).run()):
            await until(lambda: heard == ["evt_1"], within=topology.VM_SERVICE.ack_wait - 5)


async def test_a_killed_server_interrupts_nothing_for_long(
    bus: Bus, nats_server: NatsServer
) -> None:
    heard: Counter[str] = Counter()

    async def handle(event: AnyEvent) -> None:
        heard[event.id] += 1

    async with running(consumer(bus, handle).run()):
        await say(bus, removal(1))
        await until(lambda: len(heard) == 1)

        await asyncio.to_thread(nats_server.kill)
        await asyncio.to_thread(nats_server.start)
        await until(lambda: bus.client.is_connected)
        await say(bus, removal(2))

        await until(lambda: len(heard) == 2)


async def test_a_server_that_lost_its_store_is_declared_again(
    bus: Bus, nats_server: NatsServer
) -> None:
    heard: list[str] = []

    async def handle(event: AnyEvent) -> None:
        heard.append(event.id)

    async with running(consumer(bus, handle).run(), keep_declared(bus, every=0.2)):
        await asyncio.to_thread(nats_server.lose_everything)
        await asyncio.to_thread(nats_server.start)
        await until(lambda: bus.client.is_connected)
        async with asyncio.timeout(60):
            while True:
                with suppress(Exception):
                    await say(bus, removal(1))
                    break
                await asyncio.sleep(0.1)

        await until(lambda: heard == ["evt_1"])


async def test_declaring_twice_changes_nothing(bus: Bus) -> None:
    await declare(bus)

    assert {s.config.name for s in await bus.js.streams_info()} == {"EVENTS", "LOGS", "DEAD"}
    await ping(bus)


class TestRelay:
    async def test_what_was_committed_is_said_once(self, bus: Bus, sessions: Sessions) -> None:
        bell = Bell()
        async with sessions.begin() as session:
            await SqlOutbox(session).add(*(removal(n) for n in range(120)))

        await asyncio.gather(
            Relay(sessions, bus, bell).relay_once(), Relay(sessions, bus, bell).relay_once()
        )
        while await Relay(sessions, bus, bell).relay_once():
            pass

        info = await bus.js.stream_info("EVENTS")
        assert info.state.messages == 120

    async def test_the_bus_may_be_away_when_it_is_said(
        self, bus: Bus, sessions: Sessions, nats_server: NatsServer
    ) -> None:
        bell = Bell()
        await asyncio.to_thread(nats_server.kill)
        async with running(Relay(sessions, bus, bell).run()):
            async with sessions.begin() as session:
                await SqlOutbox(session).add(removal(1))
            bell.ring()
            await asyncio.sleep(0.2)
            await asyncio.to_thread(nats_server.start)

            message = await _eventually(lambda: bus.js.get_last_msg("EVENTS", "evt.>"))

        assert events.decode(message.data).id == "evt_1"


async def test_log_lines_are_gathered_and_arrive_in_order(bus: Bus) -> None:
    async with log_writer(bus) as lines:
        for n in range(450):
            line = logs.LogLine(key=str(n), text=f"line {n}")
            lines.write(line, stream_id="op_1", server_id="srv_1", writer="test")
        assert await lines.flush()

        info = await bus.js.stream_info("LOGS")
        assert info.state.messages == 3
        got: list[str] = []
        for sequence in range(1, 4):
            raw = await bus.js.get_msg("LOGS", sequence)
            got += [line.key for line in logs.decode(raw.data or b"").lines]
        assert got == [str(n) for n in range(450)]


def of_compose() -> str:
    """What the containers' server is told of its users."""
    passwords = "".join(f'{compose_conf.variable(name)}: "x"\n' for name in topology.ACCESS)
    return f"{passwords}authorization {{{compose_conf.render().partition('authorization {')[2]}"


def of_yard() -> str:
    """What ``yard up`` tells its own server of its users."""
    passwords = dict.fromkeys(topology.ACCESS, "x")
    text = yard_conf.render(
        name="yard", host="127.0.0.1", port=1, store=Path("unused"), passwords=passwords
    )
    return f"accounts {{{text.partition('accounts {')[2]}"


@pytest.fixture(params=[of_compose, of_yard])
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    """A server that lets each service do what the topology says; its URL."""
    config = request.param()
    server = NatsServer(directory=tmp_path / "nats", config=config).start()
    try:
        yield server.url
    finally:
        server.stop()


def as_service(url: str, name: str) -> AbstractAsyncContextManager[Bus]:
    return jetstream(url, name=name, user=name, password=SecretStr("x"))


async def test_each_service_may_do_its_work_and_nothing_else(guarded: str) -> None:
    heard: list[str] = []

    async def handle(event: AnyEvent) -> None:
        heard.append(event.id)

    async with (
        as_service(guarded, "gateway") as gateway,
        as_service(guarded, "vm-service") as worker,
        as_service(guarded, "log-service") as reader,
    ):
        await declare(gateway)
        async with running(consumer(worker, handle).run()):
            await say(gateway, removal(1))
            await until(lambda: heard == ["evt_1"])
        await say(worker, VMDeleted(server_id="srv_1", operation_id="op_1"))

        for sneaky in (worker, reader):
            with pytest.raises(TimeoutError):
                await sneaky.js.publish("evt.deployment.requested.v1.x", b"{}", timeout=0.5)
            with pytest.raises(TimeoutError):
                await sneaky.client.request("$JS.API.STREAM.PURGE.EVENTS", b"", timeout=0.5)


async def echo(body: bytes) -> bytes:
    return body


async def test_only_the_gateway_asks_and_nobody_overhears(guarded: str) -> None:
    overheard: list[bytes] = []

    async def overhear(message: Msg) -> None:
        overheard.append(message.data)

    async with (
        as_service(guarded, "gateway") as gateway,
        as_service(guarded, "vm-service") as worker,
        as_service(guarded, "provisioner") as sneaky,
        running(answer_questions(worker, "vm-service", {"echo": echo})),
    ):
        for subject in ("ask.>", "_INBOX_gateway.>"):
            await sneaky.client.subscribe(subject, cb=overhear)
        await sneaky.client.flush()

        answer = await _eventually(lambda: ask(gateway, "vm-service", "echo", b"secret", timeout=1))
        with pytest.raises(NobodyAnswers):
            await ask(sneaky, "vm-service", "echo", b"mine", timeout=0.5)

        assert answer == b"secret"
        assert overheard == []


async def test_who_may_answer_says_nothing_unasked(guarded: str) -> None:
    heard: list[bytes] = []

    async def hear(message: Msg) -> None:
        heard.append(message.data)

    async with (
        as_service(guarded, "gateway") as gateway,
        as_service(guarded, "vm-service") as worker,
        running(answer_questions(worker, "vm-service", {"echo": echo})),
    ):
        await gateway.client.subscribe("_INBOX_gateway.forged", cb=hear)
        await gateway.client.flush()
        await worker.client.publish("_INBOX_gateway.forged", b"unasked")
        await worker.client.flush()

        for number in range(3):
            body = b"%d" % number
            asked = partial(ask, gateway, "vm-service", "echo", body, timeout=1)
            assert await _eventually(asked) == body
        assert heard == []


async def _eventually(ask: Callable[[], Awaitable[Any]], *, within: float = 60) -> Any:
    async with asyncio.timeout(within):
        while True:
            with suppress(Exception):
                return await ask()
            await asyncio.sleep(0.05)


async def _acknowledged(bus: Bus) -> ConsumerInfo:
    """Wait for the acknowledgements: they are still under way when the handlers have returned."""
    async with asyncio.timeout(60):
        while True:
            info = await bus.js.consumer_info("EVENTS", "vm-service")
            if not info.num_ack_pending:
                return info
            await asyncio.sleep(0.01)


async def _dead(bus: Bus) -> Any:
    return await _eventually(lambda: bus.js.get_last_msg("DEAD", "dead.>"))
