"""Transactions for who has leases: what is done in them counts while the leases hold."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from common.db.engine import Sessions
from common.db.leases import Lease, SqlLeases
from common.db.outage import outages_named
from gateway.adapters.sql.work import SqlWork


@dataclass(frozen=True, slots=True)
class SqlLeasedWork:
    """Opens transactions that ring no bell. Each raises ``DatabaseAway``."""

    sessions: Sessions

    @asynccontextmanager
    async def for_several(
        self, leases: Sequence[Lease]
    ) -> AsyncGenerator[tuple[SqlWork, frozenset[Lease]]]:
        """Open one, and tell which of the leases still hold, and will until its end."""
        with outages_named():
            async with self.sessions.begin() as session:
                held = await SqlLeases(session).still_held(leases)
                yield SqlWork(session), held

    @asynccontextmanager
    async def for_one(self, lease: Lease) -> AsyncGenerator[SqlWork]:
        """Open one as soon as nobody else holds the endpoint. Raises ``LeaseLost``."""
        with outages_named():
            async with self.sessions.begin() as session:
                work = SqlWork(session)
                # First, for that may take a while: meanwhile the lease is to be renewed.
                await work.endpoints.hold(lease.subject_id)
                await SqlLeases(session).check(lease)
                yield work
