"""Run a service's Alembic migrations at start; copies that start together wait in line."""

from pathlib import Path
from typing import Final

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, text

from common.db.engine import create_engine
from common.db.mailbox import metadata as shared

_LOCK: Final = 7_264_019_338  # any number, the same for all


async def migrate(url: str, directory: Path) -> None:
    """Bring the database at ``url`` up to the newest revision in ``directory``."""
    engine = create_engine(url, pooled=False)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, directory)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, directory: Path) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})
    config = Config()
    config.set_main_option("script_location", str(directory).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def run_env() -> None:
    """Be the body of a service's ``migrations/env.py``."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=None, render_as_batch=True)
    # No transaction of its own: the caller's spans the whole upgrade.
    context.run_migrations()


def create_shared_tables(connection: Connection) -> None:
    """Create inbox, outbox and leases: called by every service's first migration."""
    MetaData.create_all(shared, connection)
