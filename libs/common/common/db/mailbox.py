"""What was heard already and what is still to be said, in the transaction of the effect.

A claim in the inbox, the change of state and the rows of the outbox commit together or
not at all; the relay says later what the outbox holds.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.base import Message, now
from common.contracts.topology import LARGEST_BODY
from common.db.engine import Sessions
from common.db.outage import DatabaseAway, outages_named
from common.db.types import UTCDateTime
from common.db.upsert import add_if_absent
from common.errors import Rejected

log = logging.getLogger(__name__)

KEPT: Final = timedelta(days=100)  # longer than the bus keeps events

metadata: Final = MetaData()

inbox: Final = Table(
    "inbox",
    metadata,
    Column("message_id", String(80), primary_key=True),
    Column("claimed_at", UTCDateTime, nullable=False, index=True),
)

outbox: Final = Table(
    "outbox",
    metadata,
    Column(
        "position",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column("message_id", String(80), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("body", Text, nullable=False),
)


class SqlInbox:
    """Which messages were handled, for as long as one transaction lasts."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def claim(self, message_id: str) -> bool:
        """Return true for exactly one committed claim of a message."""
        return await add_if_absent(self._session, inbox, message_id=message_id, claimed_at=now())

    async def forget(self, *, older_than: timedelta) -> None:
        """Drop claims so old that the bus has dropped their messages too."""
        await self._session.execute(delete(inbox).where(inbox.c.claimed_at < now() - older_than))


class SqlOutbox:
    """Messages to be published once the transaction has committed, in the order added."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, *messages: Message) -> None:
        """Put messages into the outbox. Raises ``Rejected`` for one no bus would ever take.

        In the outbox it would stop all that come after it, for ever.
        """
        rows = [{"message_id": m.id, "subject": m.subject, "body": _body(m)} for m in messages]
        if rows:
            await self._session.execute(insert(outbox), rows)


def _body(message: Message) -> str:
    body = message.model_dump_json()
    if (size := len(body.encode())) > LARGEST_BODY:
        raise Rejected(f"a message for {message.subject} is too large: {size} bytes")
    return body


@dataclass(frozen=True, slots=True)
class Unsent:
    """A row of the outbox on its way to the bus."""

    position: int
    message_id: str
    subject: str
    body: bytes


async def keep_forgetting(sessions: Sessions) -> None:
    """Drop old claims for ever, each hour: an inbox holds no more than the bus can repeat."""
    while True:
        try:
            with outages_named():
                async with sessions.begin() as session:
                    await SqlInbox(session).forget(older_than=KEPT)
        except DatabaseAway as outage:
            log.warning("old claims are dropped later", extra={"error": str(outage)})
        await asyncio.sleep(3600)


async def unsent(session: AsyncSession, *, limit: int) -> Sequence[Unsent]:
    """Read the oldest unsent rows.

    Two relays may read the same rows: the bus drops the second copy by its id, and each
    relay goes in order, so the first copies are in order too.
    """
    query = select(outbox).order_by(outbox.c.position).limit(limit)
    rows = (await session.execute(query)).all()
    return [Unsent(r.position, r.message_id, r.subject, r.body.encode()) for r in rows]


async def mark_sent(session: AsyncSession, positions: Sequence[int]) -> None:
    """Drop rows that the bus has acknowledged."""
    await session.execute(delete(outbox).where(outbox.c.position.in_(positions)))
