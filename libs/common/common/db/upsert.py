"""``INSERT … ON CONFLICT DO NOTHING`` for whichever database is underneath."""

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncSession


async def add_if_absent(session: AsyncSession, table: Table, **values: object) -> bool:
    """Insert the row unless its key is there already; return whether it was inserted."""
    insert = postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    first_key = next(iter(table.primary_key.columns))
    statement = insert(table).values(**values).on_conflict_do_nothing().returning(first_key)
    return (await session.execute(statement)).first() is not None
