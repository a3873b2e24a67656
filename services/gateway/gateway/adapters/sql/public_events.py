"""Public events, kept in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.ids import new_id
from common.db.upsert import add_to
from gateway.adapters.sql.event_tables import POSITIONS, counters, events
from gateway.domain.publicity import Notice, Published
from gateway.domain.subscription import beginning_of
from gateway.ports.public_events import Sought


class SqlPublicEvents:
    """Public events, for as long as one transaction lasts."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, *notices: Notice) -> Sequence[str]:
        """Write them; the counter's row keeps others of the same source waiting until commit."""
        ids: list[str] = []
        for notice in notices:
            ids.append(new_id("event"))
            sequence = await self._count(_counted_as(notice), 1)
            row = {
                "id": ids[-1],
                "type": notice.type,
                "owner_id": notice.owner_id,
                "subject_id": notice.subject_id,
                "sequence": sequence,
                "time": notice.time,
                "data": notice.data.model_dump(mode="json", exclude_none=True),
                "only_for": notice.only_for,
            }
            await self._session.execute(insert(events).values(row))
        return ids

    async def number(self, *, limit: int) -> Sequence[Published]:
        """Give committed events their positions; a second caller waits for the first's commit."""
        last = await self._count(POSITIONS, 0)
        waiting = select(events).where(events.c.position.is_(None)).order_by(events.c.row)
        found = (await self._session.execute(waiting.limit(limit))).all()
        if not found:
            return ()
        given = [{"to": row.row, "given": last + n} for n, row in enumerate(found, start=1)]
        numbered = update(events).where(events.c.row == bindparam("to"))
        connection = await self._session.connection()
        await connection.execute(numbered.values(position=bindparam("given")), given)
        await self._count(POSITIONS, len(found))
        return [_published(row, position=last + n) for n, row in enumerate(found, start=1)]

    async def find(self, sought: Sought) -> Sequence[Published]:
        """Return events that have a position, in its order."""
        query = select(events).where(events.c.position > sought.after, events.c.only_for.is_(None))
        if sought.owner_id is not None:
            query = query.where(events.c.owner_id == sought.owner_id)
        if sought.subject_id is not None:
            query = query.where(events.c.subject_id == sought.subject_id)
        if sought.types:
            query = query.where(or_(*map(_is_of, sought.types)))
        order = events.c.position.desc() if sought.newest else events.c.position
        rows = (await self._session.execute(query.order_by(order).limit(sought.limit))).all()
        ascending = reversed(rows) if sought.newest else rows
        return [_published(row, position=row.position) for row in ascending]

    async def among(self, ids: Sequence[str]) -> Sequence[Published]:
        """Return those of the given events that have a position, in its order."""
        query = select(events).where(events.c.id.in_(ids), events.c.position.is_not(None))
        rows = await self._session.execute(query.order_by(events.c.position))
        return [_published(row, position=row.position) for row in rows]

    async def last_before_newer(self, time: datetime) -> int:
        """Return the position after which all stand that are newer than a time."""
        first = select(func.min(events.c.position)).where(events.c.time > time)
        found = await self._session.scalar(first)
        return await self.last_position() if found is None else found - 1

    async def first_after_older(self, time: datetime) -> int:
        """Return the position before which all stand that are older than a time."""
        last = select(func.max(events.c.position)).where(events.c.time < time)
        return (await self._session.scalar(last) or 0) + 1

    async def last_position(self) -> int:
        """Return the position of the newest event."""
        query = select(counters.c.last).where(counters.c.name == POSITIONS)
        return await self._session.scalar(query) or 0

    async def forget(self, *, before: datetime, limit: int) -> int:
        """Drop some of those told before; the counters stay."""
        old = select(events.c.row).where(events.c.time < before, events.c.position.is_not(None))
        statement = delete(events).where(events.c.row.in_(old.limit(limit)))
        dropped = await self._session.execute(statement.returning(events.c.row))
        return len(dropped.all())

    async def _count(self, name: str, more: int) -> int:
        """Count on, and return how far that is; holds the row until the transaction ends."""
        return await add_to(self._session, counters.c.last, more, name=name)


def _counted_as(notice: Notice) -> str:
    """Return the counter's name: what one endpoint gets alone leaves no gap in what others get."""
    return notice.subject_id if notice.only_for is None else f"{notice.subject_id} alone"


def _is_of(type: str) -> ColumnElement[bool]:
    beginning = beginning_of(type)
    if beginning is None:
        return events.c.type == type
    return events.c.type.startswith(beginning, autoescape=True)


def _published(row: Row[Any], *, position: int) -> Published:
    return Published(
        position=position,
        id=row.id,
        type=row.type,
        owner_id=row.owner_id,
        subject_id=row.subject_id,
        sequence=row.sequence,
        time=row.time,
        data=row.data,
        only_for=row.only_for,
    )
