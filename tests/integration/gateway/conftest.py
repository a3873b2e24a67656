"""The gateway that tests of whole processes share."""

import socket
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import pytest

from common.db.engine import Sessions, database
from common.db.migrate import migrate
from common.security.sealing import new_key_line
from tests.integration.gateway.process import GAME, SCHEMA, Gateway
from tests.integration.gateway.works import MIGRATIONS
from tests.servers import NatsServer


@pytest.fixture
def more_settings() -> Mapping[str, str]:
    """What a module wants to be different."""
    return {}


@pytest.fixture
async def sessions(database_url: str) -> AsyncGenerator[Sessions]:
    await migrate(database_url, MIGRATIONS)
    async with database(database_url) as opened:
        yield opened


@pytest.fixture
async def gateway(
    nats_server: NatsServer, database_url: str, tmp_path: Path, more_settings: Mapping[str, str]
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
            **more_settings,
        },
        port=port,
        log=tmp_path / "gateway.log",
    )
    await gateway.start()
    try:
        yield gateway
    finally:
        gateway.stop()
