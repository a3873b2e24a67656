"""The record in SQL: streams and their lines."""

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.logs import StoredLine
from common.db.types import UTCDateTime
from common.db.upsert import add_if_absent
from log_service.domain.stream import Entry, Stream

metadata: Final = MetaData()

streams: Final = Table(
    "streams",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("server_id", String(80), nullable=False, index=True),
    Column("last_sequence", BigInteger, nullable=False),
    Column("ended", Boolean, nullable=False),
)

lines: Final = Table(
    "lines",
    metadata,
    Column("stream_id", String(80), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("writer", String(120), nullable=False),
    Column("key", String(120), nullable=False),
    Column("time", UTCDateTime, nullable=False),
    Column("level", String(16), nullable=False),
    Column("step", Text),
    Column("text", Text, nullable=False),
    UniqueConstraint("stream_id", "writer", "key", name="one_line_per_key"),
)

_SHOWN: Final = (
    lines.c.sequence,
    lines.c.time,
    lines.c.level,
    lines.c.writer,
    lines.c.step,
    lines.c.text,
)


class SqlStreams:
    """How far each stream has come, for as long as one transaction lasts."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get_or_add(self, id: str, *, server_id: str) -> Stream:
        """Return the stream, locked until the transaction ends."""
        query = select(streams).where(streams.c.id == id).with_for_update()
        row = (await self._session.execute(query)).mappings().first()
        if row is None:
            await add_if_absent(
                self._session, streams, id=id, server_id=server_id, last_sequence=0, ended=False
            )
            row = (await self._session.execute(query)).mappings().one()
        return Stream(**row)

    async def find(self, id: str) -> Stream | None:
        """Return the stream, or ``None`` before its first line."""
        query = select(streams).where(streams.c.id == id)
        row = (await self._session.execute(query)).mappings().first()
        return None if row is None else Stream(**row)

    async def save(self, stream: Stream) -> None:
        """Record how far it has come."""
        await self._session.execute(
            update(streams)
            .where(streams.c.id == stream.id)
            .values(last_sequence=stream.last_sequence, ended=stream.ended)
        )


class SqlLines:
    """The record, for as long as one transaction lasts."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def known(self, stream_id: str, *, writer: str, keys: Collection[str]) -> Set[str]:
        """Return those of a writer's keys that are in the record."""
        query = select(lines.c.key).where(
            lines.c.stream_id == stream_id, lines.c.writer == writer, lines.c.key.in_(keys)
        )
        return set(await self._session.scalars(query))

    async def add(self, stream_id: str, *, writer: str, entries: Sequence[Entry]) -> None:
        """Append entries."""
        await self._session.execute(
            insert(lines),
            [
                {**entry.line.model_dump(), "stream_id": stream_id, "writer": writer}
                | {"key": entry.key}
                for entry in entries
            ],
        )

    async def after(self, stream_id: str, sequence: int, *, limit: int) -> Sequence[StoredLine]:
        """Return the lines that follow, in order."""
        query = (
            select(*_SHOWN)
            .where(lines.c.stream_id == stream_id, lines.c.sequence > sequence)
            .order_by(lines.c.sequence)
            .limit(limit)
        )
        rows = (await self._session.execute(query)).mappings()
        return [StoredLine.model_validate(dict(row)) for row in rows]


@dataclass(frozen=True, slots=True)
class SqlWork:
    """What is within reach inside a transaction."""

    streams: SqlStreams
    lines: SqlLines

    @staticmethod
    def bind(session: AsyncSession) -> "SqlWork":
        """Put it within reach."""
        return SqlWork(SqlStreams(session), SqlLines(session))
