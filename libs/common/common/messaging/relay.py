"""From the outbox to the bus: everything that was committed is said, at least once."""

import asyncio
import logging
from typing import Final

from nats.errors import Error as NATSError
from nats.js.errors import APIError

from common.bell import Bell
from common.db.engine import Sessions
from common.db.mailbox import Unsent, mark_sent, unsent
from common.db.outage import DatabaseAway, outages_named
from common.messaging.connection import Bus
from common.metrics import PUBLISHED

log = logging.getLogger(__name__)

BATCH: Final = 100


class Relay:
    """Says what the outbox holds, in order, at once after a commit and each second anyway."""

    def __init__(self, sessions: Sessions, bus: Bus, bell: Bell) -> None:
        self._sessions = sessions
        self._bus = bus
        self._listener = bell.listener()

    async def run(self) -> None:
        """Relay until cancelled."""
        while True:
            try:
                while await self.relay_once() == BATCH:
                    pass  # less is all there was: the bell tells of what has come since
            except (NATSError, APIError, TimeoutError) as error:
                # Unknown, not failed: the same rows go out again under the same ids.
                log.warning("relay waits for the bus", extra={"error": repr(error)})
                await asyncio.sleep(0.5)
            except DatabaseAway as error:
                log.warning("relay waits for the database", extra={"error": str(error)})
                await asyncio.sleep(0.5)
            await self._listener.wait(1)

    async def relay_once(self) -> int:
        """Publish one batch; return how many messages it held."""
        with outages_named():
            async with self._sessions() as session:
                rows = await unsent(session, limit=BATCH)
                await session.rollback()
        for row in rows:
            await self._publish(row)
        if rows:
            with outages_named():
                async with self._sessions.begin() as session:
                    await mark_sent(session, [row.position for row in rows])
        return len(rows)

    async def _publish(self, row: Unsent) -> None:
        headers = {"Nats-Msg-Id": row.message_id}
        await self._bus.js.publish(row.subject, row.body, headers=headers, timeout=5)
        PUBLISHED.labels(kind=row.subject.split(".", 1)[0]).inc()
