"""Which counts of players were told last, in the provisioner's database."""

from typing import Final

from sqlalchemy import Column, Integer, MetaData, String, Table, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.base import now
from common.db.types import UTCDateTime
from common.db.upsert import add_if_absent
from provisioner.domain.players import Count

metadata: Final = MetaData()

counts: Final = Table(
    "counts",
    metadata,
    Column("server_id", String(80), primary_key=True),
    Column("players", Integer, nullable=False),
    Column("max_players", Integer, nullable=True),
    Column("told_at", UTCDateTime, nullable=False),
)


class SqlCounts:
    """Counts, for as long as one transaction lasts."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, server_id: str) -> Count | None:
        """Return what was told last of this server, if anything was."""
        query = select(counts).where(counts.c.server_id == server_id)
        row = (await self._session.execute(query)).mappings().first()
        if row is None:
            return None
        return Count(players=row["players"], max_players=row["max_players"])

    async def save(self, server_id: str, count: Count) -> None:
        """Remember what is told."""
        told = {"players": count.players, "max_players": count.max_players, "told_at": now()}
        if not await add_if_absent(self._session, counts, server_id=server_id, **told):
            of_server = counts.c.server_id == server_id
            await self._session.execute(update(counts).where(of_server).values(**told))

    async def remove(self, server_id: str) -> None:
        """Forget what was told, so that the next count is told whatever it is."""
        await self._session.execute(delete(counts).where(counts.c.server_id == server_id))
