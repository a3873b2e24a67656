"""Open a database, SQLite or PostgreSQL, with the settings that keep what was committed."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import Connection, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, NullPool

Sessions = async_sessionmaker[AsyncSession]

PRAGMAS: Final = (
    "busy_timeout=10000",  # first: the next one may have to wait for another process
    "journal_mode=WAL",
    "synchronous=FULL",  # NORMAL loses committed rows when the power goes
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "journal_size_limit=67108864",
    "trusted_schema=OFF",
)

# Errors end up in logs: what was being written (a password's hash, say) does not belong there.
DISCREET: Final = {"hide_parameters": True}

POSTGRES: Final = {
    "statement_timeout": "10000",
    "lock_timeout": "5000",
    "idle_in_transaction_session_timeout": "15000",
}


def create_engine(url: str, *, pooled: bool = True) -> AsyncEngine:
    """Return an engine for a ``sqlite+aiosqlite`` or ``postgresql+asyncpg`` URL."""
    return (
        _sqlite(url, pooled=pooled) if url.startswith("sqlite") else _postgresql(url, pooled=pooled)
    )


def _sqlite(url: str, *, pooled: bool) -> AsyncEngine:
    # One connection: its queue is fair and wakes at once; SQLite's own waiting sleeps and polls.
    engine = (
        create_async_engine(
            url, poolclass=AsyncAdaptedQueuePool, pool_size=1, max_overflow=0, **DISCREET
        )
        if pooled
        else create_async_engine(url, poolclass=NullPool, **DISCREET)
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def _postgresql(url: str, *, pooled: bool) -> AsyncEngine:
    arguments = {"server_settings": POSTGRES, "timeout": 5}
    if pooled:
        return create_async_engine(
            url,
            connect_args=arguments,
            pool_size=5,
            max_overflow=10,
            pool_pre_ping=True,
            **DISCREET,
        )
    return create_async_engine(url, connect_args=arguments, poolclass=NullPool, **DISCREET)


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    setattr(connection, "isolation_level", None)  # noqa: B010  we say BEGIN ourselves; not in the protocol
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        _insist(cursor, f"PRAGMA {pragma}")
    cursor.close()


def _insist(cursor: DBAPICursor, statement: str) -> None:
    """SQLite does not wait for others where the journal's mode changes: ask again."""
    for _ in range(200):
        try:
            cursor.execute(statement)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(0.02)
        else:
            return
    cursor.execute(statement)


def _begin_immediate(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails with SQLITE_BUSY without waiting.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@asynccontextmanager
async def database(url: str) -> AsyncGenerator[Sessions]:
    """Open the database for as long as the block lasts."""
    engine = create_engine(url)
    try:
        yield async_sessionmaker(engine, expire_on_commit=False)
    finally:
        await engine.dispose()


async def ping(sessions: Sessions) -> None:
    """Raise unless the database answers within two seconds."""
    async with asyncio.timeout(2), sessions() as session:
        await session.execute(text("SELECT 1"))
