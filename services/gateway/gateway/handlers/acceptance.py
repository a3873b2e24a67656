"""Accept an operation on a server that is there: once, in its turn, ahead of what it pre-empts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from common.contracts.ids import new_id
from common.contracts.servers import ServerSpec
from gateway.domain import announcements, consequences
from gateway.domain.errors import KeyReused, ServerBusy, ServerDeleted, ServerNotFound
from gateway.domain.kind import INSTALL_TIME, Kind, time_given
from gateway.domain.operation import Operation, takes
from gateway.domain.phase import PRE_EMPTING, Phase
from gateway.domain.server import Server, begin
from gateway.domain.step import planned
from gateway.domain.transitions import CancelAsked, Overtaken
from gateway.handlers.transition import move
from gateway.ports.records import RequestKey
from gateway.ports.work import UnitOfWork, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Of which server something is asked, by whom. Under one ``key`` it is asked for once.

    ``purpose``: what it is there for; a template is asked for nothing as if it were a server.
    """

    server_id: str
    owner_id: str
    key: RequestKey | None = None
    purpose: Literal["server", "template"] = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What an operation is to do, and what the server is to be after it.

    ``install``: how long its game may take to be installed.
    """

    kind: Kind
    spec: ServerSpec
    force: bool = False
    install: timedelta = INSTALL_TIME


async def accept(
    asked: Asked, *, purpose: Callable[[Server], Purpose], work: UnitOfWork, at: datetime
) -> Operation:
    """Begin an operation on one of the owner's servers. Raises what is refused.

    Asked again under the same key, it is the same operation; a kill or a deletion is the one
    that is under way already.
    """
    async with work() as tx:
        # The operation before its server: facts lock them in this order too.
        held = await tx.operations.hold_active(asked.server_id)
        server = _meant(await tx.servers.hold(asked.server_id), asked)
        if asked.key and await tx.request_keys.find(asked.key):
            return await accepted_before(tx, asked.key)
        if server.phase is Phase.DELETED:
            raise ServerDeleted("This server is deleted already.")
        # Services take an operation with a smaller id than the one they know for an old one.
        name = new_id("operation", after=server.operation_id)
        operation = _operation(name, purpose(server), server, at=at)
        active = await tx.operations.find_active(server.id)
        under_way = _same(active, operation)
        if asked.key:
            # Nobody else can claim it: its scope is the server, which is held.
            accepted = under_way or operation
            await tx.request_keys.claim(asked.key, operation_id=accepted.id, at=at)
        if under_way is not None:
            return under_way
        if active is not None:
            _check_turn(active, operation, is_held=held is not None and held.id == active.id)
            await move(tx, active, Overtaken(by=name), at=at)
            server = own(await tx.servers.hold(server.id), asked.owner_id)  # as that left it
        await _begin(tx, server, operation)
    return operation


def _same(active: Operation | None, wanted: Operation) -> Operation | None:
    """Return the operation that does already what nobody has to ask for twice."""
    if active is not None and active.kind is wanted.kind and active.kind in PRE_EMPTING:
        return active
    return None


async def _begin(tx: Work, server: Server, operation: Operation) -> None:
    begun = begin(server, operation)
    await tx.servers.save(begun)
    await announce(tx, operation, before=server, server=begun)


async def announce(
    tx: Work, operation: Operation, *, before: Server | None, server: Server
) -> None:
    """Add an accepted operation; ask the services for it, and tell the world."""
    await tx.operations.add(operation)
    await tx.outbox.add(*consequences.on_accepted(operation, at=operation.created_at))
    told = announcements.on_accepted(operation, before=before, server=server)
    await tx.public_events.add(*told)


async def accepted_before(tx: Work, key: RequestKey) -> Operation:
    """Return the operation accepted under this key. Raises ``KeyReused``."""
    taken = await tx.request_keys.find(key)
    earlier = await tx.operations.find(taken[1]) if taken else None
    if taken is None or earlier is None or taken[0] != key.body_hash:
        raise KeyReused(
            "The Idempotency-Key came before with a different body.",
            remedy="Send the same body again, or use a new key.",
        )
    return earlier.as_accepted()


def _meant(server: Server | None, asked: Asked) -> Server:
    server = own(server, asked.owner_id)
    if server.spec.purpose != asked.purpose:
        raise ServerNotFound("This is a template, not a server.", remedy="See GET /v1/templates.")
    return server


def own(server: Server | None, owner_id: str) -> Server:
    """Return the server if it is the owner's. Raises ``ServerNotFound``."""
    if server is None or server.owner_id != owner_id:
        raise ServerNotFound("You have no server of this id.", remedy="See GET /v1/servers.")
    return server


def _operation(name: str, purpose: Purpose, server: Server, *, at: datetime) -> Operation:
    is_off = server.phase is Phase.STOPPED
    return Operation(
        id=name,
        kind=purpose.kind,
        server_id=server.id,
        owner_id=server.owner_id,
        spec=purpose.spec,
        created_at=at,
        heard_at=at,
        deadline=at + time_given(purpose.kind, install=purpose.install),
        steps=planned(purpose.kind, is_off=is_off),
        is_off=is_off,
        force=purpose.force,
        former=server.spec if purpose.kind is Kind.UPDATE else None,
    )


def _check_turn(active: Operation, wanted: Operation, *, is_held: bool) -> None:
    """Let an operation pass one that is active, if that gives way."""
    if wanted.kind in PRE_EMPTING and is_held and takes(active, Overtaken(by=wanted.id)):
        return
    ways = [f"cancel {active.id} first"] if takes(active, CancelAsked()) else []
    ways += ["kill the server"] if takes(active, Overtaken(by=wanted.id)) else []
    remedy = ", or ".join([*ways, "wait for its end"])
    raise ServerBusy(
        f"Operation {active.id} ({active.kind}) is active on this server.",
        remedy=f"{remedy[0].upper()}{remedy[1:]}.",
    )
