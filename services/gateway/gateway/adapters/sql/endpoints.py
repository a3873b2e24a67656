"""Webhook endpoints, kept in SQL."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Select, delete, func, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.adapters.sql.webhook_tables import endpoints
from gateway.domain.endpoint import Endpoint
from gateway.ports.records import Page

_endpoint: Final = TypeAdapter(Endpoint)


class SqlEndpoints:
    """Webhook endpoints, for as long as one transaction lasts."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, endpoint: Endpoint) -> None:
        """Add a new one."""
        await self._session.execute(insert(endpoints).values(_row(endpoint)))

    async def find(self, id: str) -> Endpoint | None:
        """Read one."""
        return await self._first(_one(id))

    async def hold(self, id: str) -> Endpoint | None:
        """Read one and lock it."""
        return await self._first(_one(id).with_for_update())

    async def among(self, ids: Sequence[str]) -> Sequence[Endpoint]:
        """Read those that are there."""
        return await self._all(_several(ids))

    async def hold_free(self, ids: Sequence[str]) -> Sequence[Endpoint]:
        """Read and lock those that nobody else has locked; SQLite knows no locked rows."""
        return await self._all(_several(ids).with_for_update(skip_locked=True))

    async def save(self, endpoint: Endpoint) -> None:
        """Write back one that is held."""
        statement = update(endpoints).where(endpoints.c.id == endpoint.id)
        await self._session.execute(statement.values(_row(endpoint)))

    async def remove(self, id: str) -> None:
        """Forget one; it may be gone already."""
        await self._session.execute(delete(endpoints).where(endpoints.c.id == id))

    async def of_owner(self, owner_id: str | None, *, page: Page) -> Sequence[Endpoint]:
        """Return an owner's, newest first."""
        query = select(endpoints.c.body).where(_of(owner_id))
        if page.after is not None:
            query = query.where(endpoints.c.id < page.after)
        return await self._all(query.order_by(endpoints.c.id.desc()).limit(page.limit))

    async def enabled(
        self, *, owners: Collection[str], ids: Collection[str] = ()
    ) -> Sequence[Endpoint]:
        """Return those of owners and everybody's that events are sent to, and of ``ids``; by id."""
        found = await self._all(concerned(owners, ids).where(endpoints.c.enabled == true()))
        return sorted(found, key=lambda one: one.id)

    async def count(self, owner_id: str | None) -> int:
        """Count an owner's; the locked rows make the next who counts wait for this commit."""
        mine = select(endpoints.c.id).where(_of(owner_id)).order_by(endpoints.c.id)
        await self._session.execute(mine.with_for_update())
        # Only a statement of its own sees what was committed while the one above waited.
        query = select(func.count()).select_from(endpoints).where(_of(owner_id))
        return await self._session.scalar(query) or 0

    async def _first(self, query: Select[Any]) -> Endpoint | None:
        body = await self._session.scalar(query)
        return None if body is None else _endpoint.validate_python(body)

    async def _all(self, query: Select[Any]) -> Sequence[Endpoint]:
        bodies = (await self._session.scalars(query)).all()
        return [_endpoint.validate_python(body) for body in bodies]


def _one(id: str) -> Select[Any]:
    return select(endpoints.c.body).where(endpoints.c.id == id)


def _several(ids: Sequence[str]) -> Select[Any]:
    return select(endpoints.c.body).where(endpoints.c.id.in_(ids)).order_by(endpoints.c.id)


def concerned(owners: Collection[str], ids: Collection[str]) -> Select[Any]:
    """Select everybody's endpoints, those of owners, and some by their ids; each by an index."""
    wanted = [endpoints.c.owner_id.is_(None), endpoints.c.owner_id.in_(owners)]
    return select(endpoints.c.body).where(or_(*wanted, *([endpoints.c.id.in_(ids)] if ids else ())))


def _of(owner_id: str | None) -> ColumnElement[bool]:
    """Select an owner's; compared with none, SQLAlchemy says IS NULL."""
    return endpoints.c.owner_id == owner_id


def _row(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "owner_id": endpoint.owner_id,
        "enabled": endpoint.enabled,
        "body": _endpoint.dump_python(endpoint, mode="json"),
    }
