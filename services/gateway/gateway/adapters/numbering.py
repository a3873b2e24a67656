"""Gives public events their positions, and endpoints their deliveries, once they are committed."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from common.bell import Bell
from common.contracts.base import now
from common.db.engine import Sessions
from common.db.outage import DatabaseAway, outages_named
from gateway.adapters.sql.event_tables import events
from gateway.handlers.fan_out import fan_out
from gateway.ports.work import UnitOfWork

log = logging.getLogger(__name__)

BATCH: Final = 200
LOOK: Final = 1.0  # seconds: another copy of the gateway does not ring our bell


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbering:
    """Listens to ``bell``, which every commit rings; rings ``told`` when there is news to read."""

    sessions: Sessions
    work: UnitOfWork
    bell: Bell
    told: Bell

    async def run(self) -> None:
        """Go on for ever."""
        listener = self.bell.listener()
        while True:
            try:
                while await self._is_waiting():
                    await self._number()
            except DatabaseAway as outage:
                log.warning("events wait for the database", extra={"error": str(outage)})
                await asyncio.sleep(LOOK)
            await listener.wait(LOOK)

    async def _is_waiting(self) -> bool:
        """Look first: most commits tell the world nothing."""
        with outages_named():
            async with self.sessions() as session:
                waiting = select(events.c.row).where(events.c.position.is_(None)).limit(1)
                return await session.scalar(waiting) is not None

    async def _number(self) -> None:
        async with self.work() as tx:
            found = await tx.public_events.number(limit=BATCH)
            await fan_out(tx, found, at=now())
        if found:
            self.told.ring()
