"""What a whole gateway holds in memory and takes of its core while nothing new happens."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.processes import processor, resident
from tests.integration.gateway.process import GAME, SCHEMA, Gateway, logged_in
from tests.servers import NatsServer

FOLLOWERS: Final = 20
SETTLING: Final = 10.0  # seconds: the first attempts are under way, what starting took is over
WATCHED: Final = 10.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """``memory`` in MiB; parts of a core: ``idle``, and ``followed`` by so many streams."""

    memory: float
    idle: float
    followed: float


async def holding(url: str, *, folder: Path, port: int, core: set[int]) -> Holding:
    """Start a gateway on that database and core; watch it, at first alone and then followed."""
    async with _gateway(url, folder=folder, port=port) as gateway:
        assert gateway.process is not None
        pid = gateway.process.pid
        os.sched_setaffinity(pid, core)
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), core)
        await asyncio.sleep(SETTLING)
        memory, idle = resident(pid), await _taken(pid)
        async with _followed(gateway):
            return Holding(memory=memory, idle=idle, followed=await _taken(pid))


async def _taken(pid: int) -> float:
    """Watch for a while, and return which part of a core was taken."""
    before, began = processor(pid), time.monotonic()
    await asyncio.sleep(WATCHED)
    return (processor(pid) - before) / (time.monotonic() - began)


@asynccontextmanager
async def _followed(gateway: Gateway) -> AsyncGenerator[None]:
    """Have all followers read the stream of events."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(logged_in(gateway))
        for _ in range(FOLLOWERS):
            await stack.enter_async_context(client.stream("GET", "/v1/events/stream"))
        yield


@asynccontextmanager
async def _gateway(url: str, *, folder: Path, port: int) -> AsyncGenerator[Gateway]:
    games = folder / "games" / "blocks"
    games.mkdir(parents=True, exist_ok=True)
    (games / "game.yml").write_text(GAME)
    (games / "settings.schema.json").write_text(SCHEMA)
    nats = NatsServer(directory=folder / "nats")
    environment = {
        "DATABASE_URL": url,
        "PORT": str(port),
        "TOKEN_KEY_FILE": str(folder / "keys" / "token.pem"),
        "SEALING_KEY_FILE": str(folder / "sealing.key"),
        "SETUP_TOKEN": "sesame",
        "GAMES_DIR": str(games.parent),
        "WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8",
    }
    try:
        environment["NATS_URL"] = nats.start().url
        named = {f"SPAWNYARD_{name}": text for name, text in environment.items()}
        gateway = Gateway(environment=named, port=port, log=folder / "gateway.log")
        try:
            await gateway.start()
            yield gateway
        finally:
            gateway.stop()
    finally:
        nats.stop()
