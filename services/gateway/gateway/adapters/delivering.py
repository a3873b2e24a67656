"""The worker that delivers: one lease an endpoint, so that none keeps another waiting."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Final

from common import logging as bound
from common.bell import Bell
from common.contracts.base import now
from common.db.engine import Sessions
from common.db.leases import Lease
from common.db.outage import DatabaseAway
from common.worker import Worker
from gateway.adapters.shared_queue import SharedQueue
from gateway.adapters.sql.due import endpoints_due
from gateway.adapters.sql.leased_work import SqlLeasedWork
from gateway.handlers.dispatch_state import DispatchState
from gateway.handlers.dispatcher import deliver
from gateway.handlers.forgetting import forgetting
from gateway.handlers.places import HANDS, OTHERS
from gateway.ports.work import UnitOfWork

log = logging.getLogger(__name__)

SORTED: Final = 500  # slow endpoints that are named to the database, to come last
KEPT: Final = timedelta(days=30)
FORGETTING: Final = 3600.0  # seconds between two rounds
BREATH: Final = 0.2  # seconds between two batches: others want the database too


@dataclass(slots=True, kw_only=True)
class Delivering:
    """Delivers for ever. ``told`` rings when there are new events to deliver."""

    owner: str
    sessions: Sessions
    told: Bell
    state: DispatchState
    # Of its own: the worker rings it too, and nobody who follows events wants to hear of that.
    bell: Bell = field(default_factory=Bell)
    queue: SharedQueue = field(init=False)
    _poor: Sequence[str] = ()  # of those found last
    _others: set[str] = field(default_factory=set[str])  # poor ones that are in hand

    def __post_init__(self) -> None:
        """Make the queue."""
        self.queue = SharedQueue(SqlLeasedWork(self.sessions), self.state)

    async def run(self) -> None:
        """Go on until cancelled."""
        try:
            async with asyncio.TaskGroup() as loops:
                loops.create_task(self._pass_on())
                loops.create_task(self._worker().run())
        finally:
            await self.queue.aclose()

    def _worker(self) -> Worker:
        return Worker(
            name="webhooks",
            owner=self.owner,
            sessions=self.sessions,
            bell=self.bell,
            find_due=self.find_due,
            work=self._deliver,
            concurrency=HANDS,
        )

    async def _pass_on(self) -> None:
        listener = self.told.listener()
        while True:
            await listener.wait(60)
            self.bell.ring()

    async def find_due(self, limit: int) -> Sequence[str]:
        """Return endpoints with something due, but those that are to be left alone for now.

        Those that do well come first, and the others get no more than their share of hands.
        """
        pauses, left, poor = self.state.pauses, self.state.pause_left, self.state.places.poor
        resting = sum(1 for one, pause in pauses.items() if left(one, pause.revision))
        query = endpoints_due(now(), limit=limit + resting, last=list(islice(poor, SORTED)))
        async with self.sessions() as session:
            rows = [row for row in await session.execute(query) if not left(row.id, row.revision)]
        found = {str(row.id): row.id in poor or row.failing_since is not None for row in rows}
        room = max(OTHERS - len(self._others), 0)
        well = [one for one, is_poor in found.items() if not is_poor]
        self._poor = [one for one, is_poor in found.items() if is_poor][:room]
        return [*well, *self._poor][:limit]

    async def _deliver(self, endpoint_id: str, lease: Lease) -> None:
        if endpoint_id in self._poor:
            self._others.add(endpoint_id)
        try:
            with bound.bind(endpoint_id=endpoint_id):
                await deliver(endpoint_id, state=self.state, queue=self.queue.under(lease))
        finally:
            self._others.discard(endpoint_id)


async def keep_forgetting_events(*, work: UnitOfWork) -> None:
    """Drop what is 30 days old, or of removed endpoints, a little at a time, for ever."""
    while True:
        try:
            async for _ in forgetting(work=work, before=now() - KEPT):
                await asyncio.sleep(BREATH)
        except DatabaseAway as outage:
            log.warning("old events are dropped later", extra={"error": str(outage)})
        await asyncio.sleep(FORGETTING)
