"""What the gateway does when a user asks about a server, or for its end."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from common.contracts.events import RemovalRequested
from common.contracts.ids import new_id
from gateway.domain.consequences import on_accepted
from gateway.domain.errors import ServerBusy, ServerDeleted, ServerNotFound
from gateway.domain.operation import DEADLINE, Operation
from gateway.domain.server import Phase, Server, advance
from gateway.domain.step import Kind, planned
from gateway.ports.records import Page
from gateway.ports.work import UnitOfWork, Work


async def get_server(id: str, *, owner_id: str, work: UnitOfWork) -> Server:
    """Return one of the owner's servers."""
    async with work() as tx:
        return _own(await tx.servers.find(id), owner_id)


async def servers_of(owner_id: str, *, page: Page, work: UnitOfWork) -> Sequence[Server]:
    """Return the owner's servers, newest first."""
    async with work() as tx:
        return await tx.servers.of_owner(owner_id, page=page)


async def request_deletion(id: str, *, owner_id: str, work: UnitOfWork, at: datetime) -> Operation:
    """Ask for the end of a server. While it is being deleted, asking again changes nothing."""
    async with work() as tx:
        server = _own(await tx.servers.hold(id), owner_id)
        active = await tx.operations.find_active(id)
        if active is not None and active.kind is Kind.DELETE:
            return active
        _check_deletable(server, active)
        return await _begin_deletion(tx, server, at=at)


def _own(server: Server | None, owner_id: str) -> Server:
    if server is None or server.owner_id != owner_id:
        raise ServerNotFound("You have no server of this id.", remedy="See GET /v1/servers.")
    return server


def _check_deletable(server: Server, active: Operation | None) -> None:
    if active is not None:
        raise ServerBusy(
            f"Operation {active.id} ({active.kind}) is active on this server.",
            remedy=f"Cancel {active.id} first, or wait for its end.",
        )
    if server.phase is Phase.DELETED:
        raise ServerDeleted("This server is deleted already.")


async def _begin_deletion(tx: Work, server: Server, *, at: datetime) -> Operation:
    operation = Operation(
        # Services take an operation with a smaller id than the one they know for an old one.
        id=new_id("operation", after=server.operation_id),
        kind=Kind.DELETE,
        server_id=server.id,
        owner_id=server.owner_id,
        spec=server.spec,
        created_at=at,
        heard_at=at,
        deadline=at + DEADLINE,
        steps=planned(Kind.DELETE),
    )
    messages = on_accepted(operation, at=at)
    for request in messages:
        if isinstance(request, RemovalRequested):
            server = advance(server, request, at=at)
    await tx.servers.save(replace(server, operation_id=operation.id))
    await tx.operations.add(operation)
    await tx.outbox.add(*messages)
    return operation
