"""The servers' keys in the provisioner's database."""

from typing import Final

from sqlalchemy import Column, MetaData, String, Table, Text, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.base import now
from common.db.types import UTCDateTime
from common.db.upsert import add_if_absent
from provisioner.domain.server_key import ServerKey

metadata: Final = MetaData()

keys: Final = Table(
    "keys",
    metadata,
    Column("server_id", String(80), primary_key=True),
    Column("public", Text, nullable=False),
    Column("private", Text, nullable=False),  # an envelope
    Column("made_at", UTCDateTime, nullable=False),
)


class SqlKeys:
    """Keys, for as long as one transaction lasts."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, server_id: str) -> ServerKey | None:
        """Return the key of this server, if it has one of its own."""
        query = select(keys).where(keys.c.server_id == server_id)
        row = (await self._session.execute(query)).mappings().first()
        if row is None:
            return None
        return ServerKey(server_id=server_id, public=row["public"], private=row["private"])

    async def get_or_add(self, key: ServerKey) -> ServerKey:
        """Keep this key, unless another was kept first: then return that one."""
        added = await add_if_absent(
            self._session,
            keys,
            server_id=key.server_id,
            public=key.public,
            private=key.private,
            made_at=now(),
        )
        return key if added else await self.find(key.server_id) or key

    async def remove(self, server_id: str) -> None:
        """Forget the key of a server that is going."""
        await self._session.execute(delete(keys).where(keys.c.server_id == server_id))
