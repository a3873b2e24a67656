"""Fixtures for all: fresh databases on both engines, a fresh bus, free ports."""

import shutil
import socket
import tempfile
import uuid
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path

import asyncpg
import hypothesis
import pytest

from common.messaging.connection import Bus, jetstream
from common.messaging.declare import declare
from tests.servers import NatsServer, PostgresServer

# A busy machine is no fault of the code's: no example is held to a stopwatch.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def postgres() -> Generator[PostgresServer]:
    directory = Path(tempfile.mkdtemp(prefix="yard-pg-"))
    directory.chmod(0o755)
    server = PostgresServer(directory=directory, port=free_port())
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[str]:
    """An empty database, once on each engine."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/test-{uuid.uuid4().hex[:8]}.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = f"t{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(
        host="127.0.0.1", port=server.port, user="postgres", database="postgres"
    )
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        yield f"postgresql+asyncpg://postgres@127.0.0.1:{server.port}/{name}"
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture
def nats_server(tmp_path: Path) -> Generator[NatsServer]:
    server = NatsServer(directory=tmp_path / "nats").start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncGenerator[Bus]:
    """A connection to a fresh bus on which everything is declared."""
    async with jetstream(nats_server.url, name="gateway") as bus:
        await declare(bus)
        yield bus


@pytest.fixture
def ports() -> Callable[[], int]:
    return free_port
