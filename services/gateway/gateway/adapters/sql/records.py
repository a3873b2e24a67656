"""Operations, servers and accepted requests, kept in SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Select, Table, false, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.adapters.sql.tables import IS_TEMPLATE, operations, servers
from gateway.domain.operation import Operation
from gateway.domain.phase import Phase
from gateway.domain.server import Server
from gateway.domain.transitions import State
from gateway.ports.records import Page

_operation: Final = TypeAdapter(Operation)
_server: Final = TypeAdapter(Server)


class SqlOperations:
    """Operations, for as long as one transaction lasts."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, operation: Operation) -> None:
        """Add a new one."""
        await self._session.execute(insert(operations).values(_operation_row(operation)))

    async def find(self, id: str) -> Operation | None:
        """Read one."""
        return await self._first(_one(operations, id))

    async def hold(self, id: str) -> Operation | None:
        """Read one and lock it."""
        return await self._first(_one(operations, id).with_for_update())

    async def save(self, operation: Operation) -> None:
        """Write back one that is held."""
        statement = update(operations).where(operations.c.id == operation.id)
        await self._session.execute(statement.values(_operation_row(operation)))

    async def find_active(self, server_id: str) -> Operation | None:
        """Return the one operation of a server that has not ended."""
        return await self._first(_active(server_id))

    async def hold_active(self, server_id: str) -> Operation | None:
        """Return the one operation of a server that has not ended, and lock it."""
        return await self._first(_active(server_id).with_for_update())

    async def of_owner(
        self, owner_id: str, *, page: Page, state: State | None, server_id: str | None
    ) -> Sequence[Operation]:
        """Return an owner's operations, newest first."""
        query = _page(operations, owner_id, page)
        if state is not None:
            query = query.where(operations.c.state == state)
        if server_id is not None:
            query = query.where(operations.c.server_id == server_id)
        return await self._all(query)

    async def unended(self, *, quiet_since: datetime, limit: int) -> Sequence[Operation]:
        """Return those that have not ended and were not heard of since."""
        return await self._all(
            select(operations.c.body)
            .where(operations.c.ended == false(), operations.c.heard_at <= quiet_since)
            .order_by(operations.c.heard_at)
            .limit(limit)
        )

    async def overdue(self, *, at: datetime, limit: int) -> Sequence[Operation]:
        """Return those that have not ended although their patience has."""
        return await self._all(
            select(operations.c.body)
            .where(operations.c.ended == false(), operations.c.ends_by <= at)
            .order_by(operations.c.ends_by)
            .limit(limit)
        )

    async def _first(self, query: Select[Any]) -> Operation | None:
        body = await self._session.scalar(query)
        return None if body is None else _operation.validate_python(body)

    async def _all(self, query: Select[Any]) -> Sequence[Operation]:
        bodies = (await self._session.scalars(query)).all()
        return [_operation.validate_python(body) for body in bodies]


class SqlServers:
    """Servers, for as long as one transaction lasts."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, server: Server) -> None:
        """Add a new one."""
        await self._session.execute(insert(servers).values(_server_row(server)))

    async def find(self, id: str) -> Server | None:
        """Read one."""
        return await self._first(_one(servers, id))

    async def hold(self, id: str) -> Server | None:
        """Read one and lock it."""
        return await self._first(_one(servers, id).with_for_update())

    async def save(self, server: Server) -> None:
        """Write back one that is held."""
        statement = update(servers).where(servers.c.id == server.id)
        await self._session.execute(statement.values(_server_row(server)))

    async def of_owner(
        self, owner_id: str, *, page: Page, labels: Mapping[str, str]
    ) -> Sequence[Server]:
        """Return an owner's servers that carry these labels and are not deleted, newest first."""
        query = _page(servers, owner_id, page).where(~IS_TEMPLATE)
        for name, value in labels.items():
            query = query.where(servers.c.body["labels"][name].as_string() == value)
        return await self._living(query)

    async def templates(self) -> Sequence[Server]:
        """Return everybody's templates that are not deleted, newest first."""
        found = select(servers.c.body).where(IS_TEMPLATE).order_by(servers.c.id.desc())
        return await self._living(found)

    async def _living(self, query: Select[Any]) -> Sequence[Server]:
        bodies = await self._session.scalars(query.where(servers.c.phase != Phase.DELETED))
        return [_server.validate_python(body) for body in bodies]

    async def _first(self, query: Select[Any]) -> Server | None:
        body = await self._session.scalar(query)
        return None if body is None else _server.validate_python(body)


def _one(table: Table, id: str) -> Select[Any]:
    return select(table.c.body).where(table.c.id == id)


def _active(server_id: str) -> Select[Any]:
    return select(operations.c.body).where(
        operations.c.server_id == server_id, operations.c.ended == false()
    )


def _page(table: Table, owner_id: str, page: Page) -> Select[Any]:
    query = select(table.c.body).where(table.c.owner_id == owner_id)
    if page.after is not None:
        query = query.where(table.c.id < page.after)
    return query.order_by(table.c.id.desc()).limit(page.limit)


def _operation_row(operation: Operation) -> dict[str, Any]:
    return {
        "id": operation.id,
        "owner_id": operation.owner_id,
        "server_id": operation.server_id,
        "state": operation.state,
        "ended": operation.has_ended,
        "heard_at": operation.heard_at,
        "ends_by": operation.ends_by,
        "body": _operation.dump_python(operation, mode="json"),
    }


def _server_row(server: Server) -> dict[str, Any]:
    return {
        "id": server.id,
        "owner_id": server.owner_id,
        "phase": server.phase,
        "body": _server.dump_python(server, mode="json"),
    }
