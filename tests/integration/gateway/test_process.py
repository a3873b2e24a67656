"""The gateway as a process of its own, over a real bus and both databases."""

import asyncio
import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.contracts import topology
from common.contracts.base import Message
from common.contracts.events import (
    AnyEvent,
    DeploymentRequested,
    RemovalRequested,
    ServerReady,
    StepChanged,
    VMDeleted,
    VMFailed,
    decode,
)
from common.contracts.logs import LogBatch
from common.contracts.logs import decode as decode_batch
from common.messaging.connection import Bus, jetstream
from common.messaging.consumer import Consumer
from common.security.sealing import new_key_line
from tests.servers import NatsServer, end

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

GAME = """
{id: blocks, name: Blocks, summary: A game., version: 1.0.0, maturity: tested,
 vm: {cores: {min: 1, recommended: 1}, memory_mib: {min: 256, recommended: 512},
      disk_gib: {min: 2, recommended: 3}}, connect: "{host}:{port}",
 ports: [{name: game, protocol: udp, number: 8303}]}
"""
SCHEMA = """
{"type": "object", "additionalProperties": false,
 "properties": {"password": {"type": "string", "x-secret": true}}}
"""
CANARY = "canary-81b6-geheim"
USER = {"username": "ann", "password": "correct horse battery"}


@dataclass
class Gateway:
    """A running gateway; it may be killed and started again on its port and data."""

    environment: dict[str, str]
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway.main"],
                env={**os.environ, **self.environment},
                stderr=log,
            )
        async with httpx.AsyncClient(base_url=self.url, timeout=60) as client:
            await until(lambda: answers(client, "/readyz"))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self, number: int = signal.SIGTERM) -> int | None:
        assert self.process is not None
        end(self.process, number=number)
        return self.process.returncode


async def answers(client: httpx.AsyncClient, path: str) -> bool:
    try:
        return (await client.get(path)).status_code == 200
    except httpx.TransportError:
        return False


async def until(holds: Callable[[], Awaitable[bool]], *, seconds: float = 100) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.05)


@pytest.fixture
async def gateway(
    nats_server: NatsServer, database_url: str, tmp_path: Path
) -> AsyncGenerator[Gateway]:
    games = tmp_path / "games" / "blocks"
    games.mkdir(parents=True)
    (games / "game.yml").write_text(GAME)
    (games / "settings.schema.json").write_text(SCHEMA)
    key = tmp_path / "sealing.key"
    key.touch(mode=0o600)
    key.write_text(new_key_line())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    gateway = Gateway(
        environment={
            "SPAWNYARD_DATABASE_URL": database_url,
            "SPAWNYARD_NATS_URL": nats_server.url,
            "SPAWNYARD_PORT": str(port),
            "SPAWNYARD_TOKEN_KEY_FILE": str(tmp_path / "keys" / "token.pem"),
            "SPAWNYARD_SEALING_KEY_FILE": str(key),
            "SPAWNYARD_SETUP_TOKEN": "sesame",
            "SPAWNYARD_GAMES_DIR": str(games.parent),
            "SPAWNYARD_RECONCILE_EVERY": "0.5",
            "SPAWNYARD_QUIET_AFTER": "2",
        },
        port=port,
        log=tmp_path / "gateway.log",
    )
    await gateway.start()
    try:
        yield gateway
    finally:
        gateway.stop()


@asynccontextmanager
async def logged_in(gateway: Gateway) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=gateway.url, timeout=60) as client:
        await client.post("/v1/setup", json={**USER, "setup_token": "sesame"})
        grant = (await client.post("/v1/auth/login", json=USER)).json()
        client.headers["Authorization"] = f"Bearer {grant['access_token']}"
        yield client


@dataclass
class Services:
    """The other services in one: hears requests and answers with facts; keeps what was logged."""

    bus: Bus
    answer: Callable[[AnyEvent], list[Message]]
    lines: list[str]
    finals: int = 0

    async def handle(self, event: AnyEvent) -> None:
        for message in self.answer(event):
            await self.bus.js.publish(
                message.subject, message.model_dump_json().encode(),
                headers={"Nats-Msg-Id": message.id},
            )  # fmt: skip

    async def record(self, batch: LogBatch) -> None:
        self.lines += [line.text for line in batch.lines]
        self.finals += batch.final

    async def run(self) -> None:
        await asyncio.gather(
            Consumer(
                bus=self.bus, durable=topology.VM_SERVICE, decode=decode, handle=self.handle
            ).run(),
            Consumer(
                bus=self.bus, durable=topology.LOG_SERVICE, decode=decode_batch, handle=self.record
            ).run(),
        )


@asynccontextmanager
async def services(
    nats_server: NatsServer, answer: Callable[[AnyEvent], list[Message]]
) -> AsyncGenerator[Services]:
    async with jetstream(nats_server.url, name="tester") as bus:
        others = Services(bus=bus, answer=answer, lines=[])
        running = asyncio.create_task(others.run())
        try:
            yield others
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def willing(event: AnyEvent) -> list[Message]:
    about: Any = {"server_id": event.server_id, "operation_id": event.operation_id}
    match event:
        case DeploymentRequested():
            return [
                StepChanged(step="clone", state="running", **about),
                StepChanged(step="clone", state="succeeded", **about),
                ServerReady(host="127.0.0.9", ports=(), connect="127.0.0.9:8303", **about),
            ]
        case RemovalRequested():
            return [VMDeleted(**about)]
        case _:
            return []


def unwilling(event: AnyEvent) -> list[Message]:
    if isinstance(event, DeploymentRequested):
        about: Any = {"server_id": event.server_id, "operation_id": event.operation_id}
        return [VMFailed(step="clone", reason="no space", remedy="add space", **about)]
    return willing(event)


async def reaches(client: httpx.AsyncClient, path: str, **wanted: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def holds() -> bool:
        found.update((await client.get(path)).json())
        return all(found.get(name) == value for name, value in wanted.items())

    await until(holds)
    return found


async def test_a_server_comes_and_goes(gateway: Gateway, nats_server: NatsServer) -> None:
    async with logged_in(gateway) as client, services(nats_server, willing) as others:
        deployed = (await client.post("/v1/deployments", json={"game": "blocks"})).json()
        await reaches(client, deployed["links"]["self"], state="succeeded")
        server = await reaches(client, deployed["links"]["server"], phase="running")
        deleted = (await client.delete(deployed["links"]["server"])).json()
        await reaches(client, deleted["links"]["self"], state="succeeded")
        await reaches(client, deployed["links"]["server"], phase="deleted")

        assert server["connect"] == "127.0.0.9:8303"
        await until(lambda: _true(others.finals == 2))
        assert any(line.endswith("is deleted.") for line in others.lines)

    assert gateway.stop() == 0


async def _true(value: bool) -> bool:
    return value


async def test_a_failure_ends_with_the_vm_gone_and_a_remedy(
    gateway: Gateway, nats_server: NatsServer
) -> None:
    async with logged_in(gateway) as client, services(nats_server, unwilling):
        deployed = (await client.post("/v1/deployments", json={"game": "blocks"})).json()
        failed = await reaches(client, deployed["links"]["self"], state="failed")

    assert failed["error"] | {"last_lines": []} == {
        "code": "vm_failed", "step": "clone", "detail": "no space", "remedy": "add space",
        "last_lines": [],
    }  # fmt: skip


async def test_killed_after_accepting_it_goes_on_where_it_was(
    gateway: Gateway, nats_server: NatsServer
) -> None:
    async with logged_in(gateway) as client:
        key = {"Idempotency-Key": "once"}
        first = await client.post("/v1/deployments", json={"game": "blocks"}, headers=key)
        gateway.stop(signal.SIGKILL)
        await gateway.start()

        again = await client.post("/v1/deployments", json={"game": "blocks"}, headers=key)
        assert again.content == first.content  # also: the old token is good for the new process
        async with services(nats_server, willing):
            await reaches(client, first.json()["links"]["self"], state="succeeded")


async def test_a_bus_that_lost_everything_is_made_whole_and_loses_nothing(
    gateway: Gateway, nats_server: NatsServer
) -> None:
    async with logged_in(gateway) as client:
        deployed = (await client.post("/v1/deployments", json={"game": "blocks"})).json()
        nats_server.lose_everything()
        nats_server.start()

        async with services(nats_server, willing):
            await reaches(client, deployed["links"]["self"], state="succeeded")


async def test_without_the_bus_requests_are_accepted_and_readiness_names_it(
    gateway: Gateway, nats_server: NatsServer
) -> None:
    async with logged_in(gateway) as client:
        nats_server.kill()
        deployed = await client.post("/v1/deployments", json={"game": "blocks"})
        ready = await client.get("/readyz")
        nats_server.start()

        assert deployed.status_code == 202
        assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "ok")
        assert ready.json()["checks"]["messages"] != "ok"
        async with services(nats_server, willing):
            await reaches(client, deployed.json()["links"]["self"], state="succeeded")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_secret_is_nowhere_on_disk_and_asking_again_gives_the_same_answer(
    gateway: Gateway, nats_server: NatsServer, tmp_path: Path
) -> None:
    body = {"game": "blocks", "name": "open-word", "settings": {"password": CANARY}}
    key = {"Idempotency-Key": "once"}
    async with logged_in(gateway) as client:
        first = await client.post("/v1/deployments", json=body, headers=key)
        again = await client.post("/v1/deployments", json=body, headers=key)
        other = await client.post(
            "/v1/deployments", json=body | {"settings": {"password": "x"}}, headers=key
        )
        async with services(nats_server, willing):
            await reaches(client, first.json()["links"]["self"], state="succeeded")
        server = (await client.get(first.json()["links"]["server"])).json()
    gateway.stop()
    nats_server.kill()

    assert first.content == again.content
    assert (first.status_code, other.status_code) == (202, 422)
    assert server["settings"] == {"password": "[masked]"}
    holding = {path.name for path in tmp_path.rglob("*") if path.is_file() and _holds(path)}
    assert holding == set()
    databases = [path for path in tmp_path.glob("test-*") if b"open-word" in path.read_bytes()]
    stores = [path for path in tmp_path.rglob("*.blk") if b"open-word" in path.read_bytes()]
    assert databases, "what is not secret is found, so a secret would have been"
    assert stores, "what is not secret is found, so a secret would have been"


def _holds(path: Path) -> bool:
    data = path.read_bytes()
    return CANARY.encode() in data or hashlib.sha256(CANARY.encode()).hexdigest().encode() in data
