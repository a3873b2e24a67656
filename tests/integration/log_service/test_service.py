"""The whole service on a real bus: what viewers see while servers die and return."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from common.contracts.logs import LogLine
from common.contracts.topology import ACCESS
from common.messaging.connection import Bus, jetstream
from common.messaging.declare import declare
from common.messaging.log_writer import log_writer
from tests.conftest import free_port
from tests.integration.log_service.service import Service, gateway, publish, ticket
from tests.servers import NatsServer, end
from tools import nats_conf

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

OPERATION = "op_1"


@pytest.fixture
def nats_server(tmp_path: Path) -> Generator[NatsServer]:
    """A bus with a user per service, each allowed what the deployed one allows it."""
    passwords = "".join(f'{nats_conf.variable(name)}: "secret"\n' for name in ACCESS)
    _, users = nats_conf.render().split("authorization {", 1)
    config = f"{passwords}authorization {{{users}"
    server = NatsServer(directory=tmp_path / "nats", config=config).start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncGenerator[Bus]:
    async with jetstream(
        nats_server.url, name="gateway", user="gateway", password=SecretStr("secret")
    ) as bus:
        await declare(bus)
        yield bus


@pytest.fixture
async def service(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> AsyncGenerator[Service]:
    port = free_port()
    async with gateway() as jwks_url:
        environment = {
            "SPAWNYARD_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/logs.db",
            "SPAWNYARD_NATS_URL": nats_server.url,
            "SPAWNYARD_NATS_USER": "log-service",
            "SPAWNYARD_NATS_PASSWORD": "secret",
            "SPAWNYARD_PORT": str(port),
            "SPAWNYARD_JWKS_URL": jwks_url,
        }
        service = Service(environment, log=tmp_path / "log-service.log", port=port)
        try:
            yield await service.start()
        finally:
            if service.process is not None:
                end(service.process)


async def test_a_line_is_seen_before_the_stream_ends_and_the_end_is_told(
    service: Service, bus: Bus
):
    async with service.watching(OPERATION) as viewer, log_writer(bus) as log:
        line = LogLine(key="a", text="hello")
        log.write(line, stream_id=OPERATION, server_id="srv_1", writer="provisioner")
        async with asyncio.timeout(60):
            await viewer.until(1)
        await publish(bus, OPERATION, 2, 3, final=True)
        await viewer.until_closed()

    assert viewer.seen == [1, 2, 3]
    assert (viewer.ended, viewer.code) == (True, 1000)


async def test_history_tells_the_same(service: Service, bus: Bus):
    async with service.watching(OPERATION) as viewer:
        await publish(bus, OPERATION, 1, 5, final=True)
        await viewer.until_closed()

    async with httpx.AsyncClient(trust_env=False) as http:
        url = f"http://127.0.0.1:{service.port}/v1/operations/{OPERATION}/log"
        headers = {"Authorization": f"Bearer {ticket(OPERATION)}"}
        page = (await http.get(url, headers=headers)).json()

    assert [item["sequence"] for item in page["items"]] == viewer.seen == [1, 2, 3, 4, 5]
    assert page["ended"]


async def test_the_seam_holds_under_load(service: Service, bus: Bus):
    async def write() -> None:
        for start in range(1, 2001, 50):
            await publish(bus, OPERATION, start, start + 49, final=start == 1951)

    async def watch(delay: float) -> list[int]:
        await asyncio.sleep(delay)
        async with service.watching(OPERATION) as viewer:
            await viewer.until_closed()
        return viewer.seen

    *seen, _ = await asyncio.gather(*(watch(number * 0.07) for number in range(8)), write())

    assert seen == [list(range(1, 2001))] * 8


async def test_a_slow_viewer_is_closed_and_resumes_while_others_go_on(service: Service, bus: Bus):
    narrow = socket.create_connection(("127.0.0.1", service.port))
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 200_000)
    await publish(bus, OPERATION, 1, 1)
    async with (
        service.watching(OPERATION, sock=narrow) as slow,
        service.watching(OPERATION) as quick,
    ):
        await slow.until(1)
        await quick.until(1)
        for start in range(2, 1202, 12):
            await publish(bus, OPERATION, start, start + 11, size=8000)
        async with asyncio.timeout(60):
            assert await quick.until(1201) == list(range(1, 1202))
        await slow.until_closed()

    assert slow.code == 4408
    resume = json.loads(slow.reason)["after"]
    assert slow.seen == list(range(1, len(slow.seen) + 1))
    assert resume <= len(slow.seen) < 1201
    await publish(bus, OPERATION, 1202, 1202, final=True)
    async with service.watching(OPERATION, after=len(slow.seen)) as again:
        await again.until_closed()
    assert slow.seen + again.seen == list(range(1, 1203))


async def test_viewers_outlive_the_bus(service: Service, bus: Bus, nats_server: NatsServer):
    async with service.watching(OPERATION) as viewer:
        await publish(bus, OPERATION, 1, 10)
        await viewer.until(10)
        nats_server.kill()
        await asyncio.sleep(0.5)
        nats_server.start()
        while not bus.client.is_connected:
            await asyncio.sleep(0.05)
        await publish(bus, OPERATION, 11, 20, final=True)
        async with asyncio.timeout(60):
            await viewer.until_closed()

    assert viewer.seen == list(range(1, 21))
    assert viewer.ended


async def test_a_killed_service_loses_and_repeats_nothing(service: Service, bus: Bus):
    async def write() -> None:
        for start in range(1, 401, 4):
            await publish(bus, OPERATION, start, start + 3, final=start == 397)

    writing = asyncio.create_task(write())
    seen: list[int] = []
    for pause in (0.05, 0.1):
        async with service.watching(OPERATION, after=len(seen)) as viewer:
            await viewer.until(1)
            await asyncio.sleep(pause)
            service.kill()
            await viewer.until_closed()
        seen += viewer.seen
        await service.start()
    await writing

    async with service.watching(OPERATION, after=len(seen)) as viewer:
        await viewer.until_closed()

    assert seen + viewer.seen == list(range(1, 401))


async def test_a_service_that_stops_sends_its_viewers_elsewhere(service: Service, bus: Bus):
    await publish(bus, OPERATION, 1, 3)
    async with service.watching(OPERATION) as viewer:
        await viewer.until(3)

        stopping = asyncio.create_task(service.stop())
        await viewer.until_closed()

    assert viewer.code == 1012
    assert await stopping == 0
    assert "Traceback" not in service.log.read_text()


async def test_what_nobody_understands_is_buried_and_holds_up_nothing(service: Service, bus: Bus):
    await bus.js.publish(f"log.{OPERATION}", b"nonsense")
    async with service.watching(OPERATION) as viewer:
        await publish(bus, OPERATION, 1, 2, final=True)
        await viewer.until_closed()

    assert viewer.seen == [1, 2]
    assert (await bus.js.stream_info("DEAD")).state.messages == 1
    assert "Permissions Violation" not in service.log.read_text()
