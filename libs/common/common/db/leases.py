"""Leases with fencing tokens: two copies of a service never work on one thing at once.

Whoever takes a lease gets a token one higher than the last. Every write under the lease
checks the token in the same transaction, so a copy that was asleep when its lease ran out
cannot write any more. Time is the database's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Float,
    Integer,
    Row,
    Select,
    String,
    Table,
    literal,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from common.db.clock import database_now
from common.db.engine import Sessions
from common.db.mailbox import metadata
from common.db.upsert import add_all_if_absent, add_if_absent

leases: Final = Table(
    "leases",
    metadata,
    Column("subject_id", String(80), primary_key=True),
    Column("owner", String(80), nullable=False),
    Column("token", Integer, nullable=False),
    Column("expires_at", Float(53), nullable=False),
)


def unleased(subject_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Be true, in a query, for things that nobody holds a living lease on."""
    held = select(leases.c.token).where(
        leases.c.subject_id == subject_id, leases.c.expires_at >= database_now()
    )
    return ~held.exists()


async def found_unleased(limit: int, *, subject_id: str, sessions: Sessions) -> Sequence[str]:
    """Return the one thing, unless somebody holds a living lease on it: work that goes on for ever.

    One copy of a service at a time does such work; ``limit`` is there for the worker's sake.
    """
    subject = literal(subject_id)
    async with sessions() as session:
        return list(await session.scalars(select(subject).where(unleased(subject)).limit(limit)))


class LeaseLost(Exception):
    """Somebody else has taken over; stop before the next effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on one thing, for a while."""

    subject_id: str
    owner: str
    token: int


class SqlLeases:
    """Leases, for as long as one transaction lasts."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def take(self, subject_id: str, *, owner: str, seconds: float) -> Lease | None:
        """Take the lease if nobody holds a living one; atomically."""
        await add_if_absent(
            self._session, leases, subject_id=subject_id, owner="", token=0, expires_at=0.0
        )
        token = await self._session.scalar(
            update(leases)
            .where(leases.c.subject_id == subject_id, leases.c.expires_at < database_now())
            .values(owner=owner, token=leases.c.token + 1, expires_at=database_now() + seconds)
            .returning(leases.c.token)
        )
        return None if token is None else Lease(subject_id=subject_id, owner=owner, token=token)

    async def take_all(
        self, subject_ids: Sequence[str], *, owner: str, seconds: float
    ) -> Sequence[Lease]:
        """Take the leases of those that nobody holds a living one on, in their order."""
        wanted = sorted(set(subject_ids))  # in one order everywhere, or two would block each other
        blank = {"owner": "", "token": 0, "expires_at": 0.0}
        await add_all_if_absent(
            self._session, leases, [{"subject_id": one, **blank} for one in wanted]
        )
        free = _held(wanted).where(leases.c.expires_at < database_now())
        rows = await self._session.execute(
            update(leases)
            .where(leases.c.subject_id.in_(free.with_for_update(skip_locked=True)))
            .values(owner=owner, token=leases.c.token + 1, expires_at=database_now() + seconds)
            .returning(leases.c.subject_id, leases.c.token)
        )
        tokens = {row.subject_id: row.token for row in rows}
        return [
            Lease(subject_id=one, owner=owner, token=tokens.pop(one))
            for one in subject_ids
            if one in tokens
        ]

    async def renew_all(self, those: Sequence[Lease], *, seconds: float) -> frozenset[Lease]:
        """Keep those for longer that nobody is busy with, and return them.

        What is left out is lost, or held by a transaction: one waits for that alone.
        """
        free = _tokens(those).with_for_update(skip_locked=True)
        held = _still(those, await self._session.execute(free))
        await self._set_expiries(held, seconds=seconds)
        return held

    async def release_all(self, those: Sequence[Lease]) -> None:
        """Give them back; one that is somebody else's by now stays so."""
        await self._set_expiries(await self.still_held(those), seconds=-1)

    async def still_held(self, those: Sequence[Lease]) -> frozenset[Lease]:
        """Return those whose token is still the newest; holds until commit."""
        return _still(those, await self._session.execute(_tokens(those).with_for_update()))

    async def renew(self, lease: Lease, *, seconds: float) -> None:
        """Keep it for longer. Raises ``LeaseLost``."""
        await self._set_expiry(lease, seconds=seconds)

    async def release(self, lease: Lease) -> None:
        """Give it back, so that the next need not wait. Raises ``LeaseLost``."""
        await self._set_expiry(lease, seconds=-1)

    async def check(self, lease: Lease) -> None:
        """Raise ``LeaseLost`` unless the token is still the newest; holds until commit."""
        query = (
            select(leases.c.token).where(leases.c.subject_id == lease.subject_id).with_for_update()
        )
        if await self._session.scalar(query) != lease.token:
            raise LeaseLost(lease.subject_id)

    async def _set_expiries(self, those: Iterable[Lease], *, seconds: float) -> None:
        held = [lease.subject_id for lease in those]
        await self._session.execute(
            update(leases)
            .where(leases.c.subject_id.in_(held))
            .values(expires_at=database_now() + seconds)
        )

    async def _set_expiry(self, lease: Lease, *, seconds: float) -> None:
        kept = await self._session.scalar(
            update(leases)
            .where(leases.c.subject_id == lease.subject_id, leases.c.token == lease.token)
            .values(expires_at=database_now() + seconds)
            .returning(leases.c.token)
        )
        if kept is None:
            raise LeaseLost(lease.subject_id)


def _held(subject_ids: Sequence[str]) -> Select[tuple[str]]:
    """Select them in the order of their names, in which all lock them."""
    return (
        select(leases.c.subject_id)
        .where(leases.c.subject_id.in_(subject_ids))
        .order_by(leases.c.subject_id)
    )


def _tokens(those: Sequence[Lease]) -> Select[str, int]:
    return _held([lease.subject_id for lease in those]).add_columns(leases.c.token)


def _still(those: Sequence[Lease], rows: Iterable[Row[str, int]]) -> frozenset[Lease]:
    tokens = {row.subject_id: row.token for row in rows}
    return frozenset(one for one in those if tokens.get(one.subject_id) == one.token)
