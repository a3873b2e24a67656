"""Deliveries and their attempts, kept in SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    Table,
    bindparam,
    delete,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from common.db.upsert import add_all_if_absent
from gateway.adapters.sql.due import by_keys, due_in_order, due_in_time, is_pending
from gateway.adapters.sql.leftovers import Which, all_of, endpoints_in, old
from gateway.adapters.sql.webhook_tables import attempts, deliveries
from gateway.domain.delivery import Attempt, Delivery, DeliveryState
from gateway.ports.deliveries import Due, Failed, Listed, ListedAttempts

MOVING: Final = ("state", "tries", "attempts", "created_at", "next_at", "done_at")


class SqlDeliveries:
    """Deliveries and attempts, for as long as one transaction lasts."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, *rows: Delivery) -> None:
        """Add those that are not there yet."""
        await add_all_if_absent(self._session, deliveries, [asdict(row) for row in rows])

    async def due(self, due: Due) -> Sequence[Delivery]:
        """Return what is due: the longest due first, or in order of positions."""
        queries = due_in_order(due) if due.in_order else [due_in_time(due)]
        found = {row.event_id: row for query in queries for row in await self._all(query)}
        waiting = [row for row in found.values() if row.event_id not in due.but]
        return waiting[: due.limit]

    async def hold(self, endpoint_id: str, event_ids: Sequence[str]) -> Sequence[Delivery]:
        """Read those that are there, and lock them; always in the same order."""
        return await self.hold_all([(endpoint_id, event_id) for event_id in event_ids])

    async def hold_all(self, keys: Sequence[tuple[str, str]]) -> Sequence[Delivery]:
        """Hold deliveries of several endpoints."""
        return await self._all(by_keys(keys).with_for_update()) if keys else ()

    async def save(self, *rows: Delivery) -> None:
        """Write back what is held."""
        if not rows:
            return
        key = (
            deliveries.c.endpoint_id == bindparam("in_endpoint"),
            deliveries.c.event_id == bindparam("of_event"),
        )
        statement = (
            update(deliveries).where(*key).values({name: bindparam(name) for name in MOVING})
        )
        connection = await self._session.connection()
        await connection.execute(statement, [_moved(row) for row in rows])

    async def record(self, *rows: Attempt) -> None:
        """Remember attempts."""
        await add_all_if_absent(self._session, attempts, [asdict(row) for row in rows])

    async def count_attempts(self, endpoint_id: str, *, since: datetime) -> int:
        """Count attempts that began since."""
        query = select(func.count()).select_from(attempts)
        mine = query.where(attempts.c.endpoint_id == endpoint_id, attempts.c.at >= since)
        return await self._session.scalar(mine) or 0

    async def find_attempt(self, endpoint_id: str, event_id: str, number: int) -> Attempt | None:
        """Read one attempt: where a page goes on."""
        key = (endpoint_id, event_id, number)
        found = await self._session.execute(
            select(attempts).where(*(c == part for c, part in zip(_KEY, key, strict=True)))
        )
        row = found.mappings().first()
        return None if row is None else _attempt(row)

    async def cancel(self, endpoint_id: str, *, at: datetime) -> None:
        """Call off all that is pending of an endpoint."""
        await self._session.execute(
            update(deliveries)
            .where(deliveries.c.endpoint_id == endpoint_id, is_pending(deliveries))
            .values(state=DeliveryState.CANCELLED, done_at=at)
        )

    async def listed(self, page: Listed) -> Sequence[Delivery]:
        """Return a page of deliveries."""
        query = select(deliveries).where(deliveries.c.endpoint_id == page.endpoint_id)
        if page.before is not None:
            query = query.where(deliveries.c.position < page.before)
        if page.state is not None:
            query = query.where(deliveries.c.state == page.state)
        return await self._all(query.order_by(deliveries.c.position.desc()).limit(page.limit))

    async def listed_attempts(self, page: ListedAttempts) -> Sequence[Attempt]:
        """Return a page of attempts."""
        query = select(attempts).where(attempts.c.endpoint_id == page.endpoint_id)
        if page.event_id is not None:
            query = query.where(attempts.c.event_id == page.event_id)
        if page.after is not None:
            last = (page.after.at, page.after.event_id, page.after.number)
            query = query.where(tuple_(*_LISTED) < tuple_(*map(_bound, _LISTED, last)))
        rows = await self._session.execute(
            query.order_by(*(column.desc() for column in _LISTED)).limit(page.limit)
        )
        return [_attempt(row) for row in rows.mappings()]

    async def failed(self, sought: Failed) -> Sequence[Delivery]:
        """Hold some that failed in that time, by position."""
        query = select(deliveries).where(
            deliveries.c.endpoint_id == sought.endpoint_id,
            deliveries.c.position > sought.after,
            deliveries.c.state == DeliveryState.FAILED,
            deliveries.c.done_at.between(sought.since, sought.until),
        )
        first = query.order_by(deliveries.c.position).limit(sought.limit)
        return await self._all(first.with_for_update())

    async def forget(self, *, before: datetime, limit: int) -> int:
        """Drop some of what is over since before; attempts first, whose numbers come back else."""
        return await self._drop_some(old(before), limit)

    async def forget_endpoint(self, endpoint_id: str, *, limit: int) -> int:
        """Drop some of what there is of an endpoint that is gone."""
        return await self._drop_some(all_of(endpoint_id), limit)

    async def endpoints_known(self, *, after: str, limit: int) -> Sequence[str]:
        """Return of which endpoints there is anything, by id."""
        found: set[str] = set()
        for table in (attempts, deliveries):
            query = endpoints_in(table, after=after, limit=limit)
            found.update(await self._session.scalars(query))
        return sorted(found)[:limit]

    async def _drop_some(self, leftovers: Sequence[Which], limit: int) -> int:
        for table, which in leftovers:
            key = table.primary_key.columns
            rows = await self._session.execute(select(*key).where(which).limit(limit))
            found = rows.mappings().all()
            if found:
                await self._drop(table, which, found)
                return len(found)
        return 0

    async def _drop(
        self, table: Table, which: ColumnElement[bool], keys: Sequence[RowMapping]
    ) -> None:
        """Drop rows one by one, for there is an index for that; unless they changed meanwhile."""
        key = (column == bindparam(f"its_{column.name}") for column in table.primary_key.columns)
        connection = await self._session.connection()
        await connection.execute(
            delete(table).where(*key, which),
            [{f"its_{name}": part for name, part in one.items()} for one in keys],
        )

    async def _all(self, query: Select[Any]) -> Sequence[Delivery]:
        rows = await self._session.execute(query)
        return [_delivery(row) for row in rows.mappings()]


_KEY: Final = tuple(attempts.primary_key.columns)
_LISTED: Final = (attempts.c.at, attempts.c.event_id, attempts.c.number)


def _bound(column: ColumnElement[Any], value: object) -> ColumnElement[Any]:
    return bindparam(None, value, type_=column.type)


def _moved(row: Delivery) -> Mapping[str, Any]:
    return {
        "in_endpoint": row.endpoint_id,
        "of_event": row.event_id,
        **{name: getattr(row, name) for name in MOVING},
    }


def _delivery(row: RowMapping) -> Delivery:
    told: dict[str, Any] = {**row, "state": DeliveryState(row["state"])}
    return Delivery(**told)


def _attempt(row: RowMapping) -> Attempt:
    return Attempt(**row)
