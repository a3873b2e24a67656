"""A gateway in a process of its own, and the other services in one, for tests that need them."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

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
from tests.servers import NatsServer, end

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
