"""``INSERT … ON CONFLICT`` for whichever database is underneath."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.ext.asyncio import AsyncSession


async def add_if_absent(session: AsyncSession, table: Table, **values: object) -> bool:
    """Insert the row unless its key is there already; return whether it was inserted."""
    insert = _insert(session)
    first_key = next(iter(table.primary_key.columns))
    statement = insert(table).values(**values).on_conflict_do_nothing().returning(first_key)
    return (await session.execute(statement)).first() is not None


async def add_all_if_absent(
    session: AsyncSession, table: Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert the rows whose keys are not there already."""
    if rows:
        statement = _insert(session)(table).on_conflict_do_nothing()
        await (await session.connection()).execute(statement, rows)


async def add_to(session: AsyncSession, counter: Column[int], more: int, **key: object) -> int:
    """Count a row on, adding it if it is not there yet; return how far that is.

    The row is held until the transaction ends.
    """
    table = counter.table
    assert isinstance(table, Table)
    statement = _insert(session)(table).values({**key, counter.name: more})
    counted = statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns), set_={counter.name: counter + more}
    )
    last = await session.scalar(counted.returning(counter))
    assert last is not None
    return last


def _insert(session: AsyncSession) -> type[PostgresqlInsert | SqliteInsert]:
    """Return what builds an insertion for this database."""
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    return PostgresqlInsert if is_postgresql else SqliteInsert
