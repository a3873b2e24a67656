"""Empty databases for a bench, on SQLite or on a PostgreSQL that is started for it.

That one does not wait for its disk (it is the tests' server); SQLite does.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg

from tests.conftest import free_port
from tests.servers import PostgresServer


@dataclass(frozen=True, slots=True)
class Databases:
    """Gives one after another."""

    folder: Path
    server: PostgresServer | None

    async def fresh(self) -> str:
        """Return the URL of an empty one."""
        name = f"bench_{uuid4().hex[:8]}"
        if self.server is None:
            return f"sqlite+aiosqlite:///{self.folder / name}.db"
        admin = await asyncpg.connect(
            host="127.0.0.1", port=self.server.port, user="postgres", database="postgres"
        )
        try:
            await admin.execute(f"CREATE DATABASE {name}")
        finally:
            await admin.close()
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self.server.port}/{name}"


@asynccontextmanager
async def databases(folder: Path, *, postgresql: bool) -> AsyncGenerator[Databases]:
    """Give databases in a folder for as long as the block lasts."""
    if not postgresql:
        yield Databases(folder, None)
        return
    server = PostgresServer(directory=folder / "postgresql", port=free_port())
    try:
        yield Databases(folder, server.start())
    finally:
        server.stop()
