"""Accepted requests, by the key they came with, kept in SQL."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from common.db.upsert import add_if_absent
from gateway.adapters.sql.tables import request_keys
from gateway.ports.records import RequestKey


class SqlRequestKeys:
    """Which requests were accepted under which key."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def claim(self, key: RequestKey, *, operation_id: str, at: datetime) -> bool:
        """Take the key; who comes second waits for the first to commit."""
        return await add_if_absent(
            self._session,
            request_keys,
            scope=key.scope,
            key=key.key,
            body_hash=key.body_hash,
            operation_id=operation_id,
            created_at=at,
        )

    async def find(self, key: RequestKey) -> tuple[str, str] | None:
        """Return the body hash and the operation a key was used for."""
        query = select(request_keys.c.body_hash, request_keys.c.operation_id).where(
            request_keys.c.scope == key.scope, request_keys.c.key == key.key
        )
        row = (await self._session.execute(query)).first()
        return None if row is None else (row.body_hash, row.operation_id)

    async def forget(self, *, before: datetime) -> None:
        """Drop keys older than this."""
        await self._session.execute(delete(request_keys).where(request_keys.c.created_at < before))
