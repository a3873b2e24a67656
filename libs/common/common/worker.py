"""Long work, one step at a time, by exactly one copy of a service at any moment.

What has to be done stands in the service's own database. The worker looks for it when the
bell rings (and every second anyway), takes a lease on each thing, works on it, and gives the
lease back. A copy that dies is followed by another as soon as its leases have run out.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from common.bell import Bell
from common.db.engine import Sessions
from common.db.leases import Lease, LeaseLost, SqlLeases
from common.db.outage import DatabaseAway, outages_named
from common.metrics import WORKING
from common.together import Together

log = logging.getLogger(__name__)

LEASE: Final = 10.0  # seconds
RENEWAL: Final = 3.0
LETTING_GO: Final = 2.0  # seconds the work has to stop in, before another copy may begin
FAULT_PAUSE: Final = 2.0


@dataclass(slots=True, kw_only=True)
class Worker:
    """Works on every id that ``find_due`` names. ``work`` returns when nothing is left to do.

    ``find_due(limit)`` returns ids of unsettled things that are ``unleased``.
    """

    name: str
    owner: str
    sessions: Sessions
    bell: Bell
    find_due: Callable[[int], Awaitable[Sequence[str]]]
    work: Callable[[str, Lease], Awaitable[None]]
    concurrency: int = 16
    _running: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, asyncio.Task[None]])
    _renewing: Together[Lease, bool] = field(init=False)
    _releasing: Together[Lease, None] = field(init=False)

    def __post_init__(self) -> None:
        """Have those that do so at the same time renew, or give back, their leases together."""
        self._renewing = Together(self._renew_all)
        self._releasing = Together(self._release_all)

    async def run(self) -> None:
        """Work until cancelled; what is unfinished goes back for another copy to take."""
        listener = self.bell.listener(hears_all=False)
        try:
            while True:
                try:
                    await self._take_what_is_due()
                except DatabaseAway as outage:
                    # What is under way goes on for as long as its leases last.
                    log.warning("worker waits for the database", extra={"error": str(outage)})
                    await asyncio.sleep(1)
                await listener.wait(1)
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)
            await self._renewing.aclose()
            await self._releasing.aclose()

    async def _take_what_is_due(self) -> None:
        free = self.concurrency - len(self._running)
        if free <= 0:
            return
        with outages_named():
            due = await self.find_due(free)
        wanted = [thing for thing in due if thing not in self._running]
        for lease in await self._take(wanted) if wanted else ():
            self._start(lease.subject_id, lease)

    def _start(self, id: str, lease: Lease) -> None:
        task = asyncio.create_task(self._work(id, lease), name=f"{self.name} {id}")
        self._running[id] = task
        WORKING.labels(worker=self.name).set(len(self._running))
        task.add_done_callback(lambda _: self._ended(id))

    def _ended(self, id: str) -> None:
        del self._running[id]
        WORKING.labels(worker=self.name).set(len(self._running))
        self.bell.ring()  # a hand is free

    async def _work(self, id: str, lease: Lease) -> None:
        work = asyncio.ensure_future(self.work(id, lease))
        keep = asyncio.ensure_future(self._keep(lease))
        try:
            await asyncio.wait({work, keep}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
            else:
                log.warning("lease lost, letting go", extra={"worker": self.name, "thing": id})
        except LeaseLost:
            log.warning("lease lost, letting go", extra={"worker": self.name, "thing": id})
        except Exception:
            log.exception("work failed", extra={"worker": self.name, "thing": id})
            await asyncio.sleep(FAULT_PAUSE)
        finally:
            keep.cancel()
            work.cancel()
            await asyncio.gather(work, keep, return_exceptions=True)
            await self._release(lease)

    async def _take(self, ids: Sequence[str]) -> Sequence[Lease]:
        with outages_named():
            async with self.sessions.begin() as session:
                return await SqlLeases(session).take_all(ids, owner=self.owner, seconds=LEASE)

    async def _keep(self, lease: Lease) -> None:
        """Renew until the lease is lost, or was not renewed until shortly before it runs out."""
        with suppress(LeaseLost, TimeoutError):
            while True:
                async with asyncio.timeout(LEASE - LETTING_GO):
                    await asyncio.sleep(RENEWAL)
                    await self._renew(lease)

    async def _renew(self, lease: Lease) -> None:
        while True:
            try:
                if not await self._renewing(lease):
                    await self._renew_alone(lease)
            except DatabaseAway as outage:
                log.warning("lease not renewed", extra={"lease": lease, "error": str(outage)})
                await asyncio.sleep(0.5)
            else:
                return

    async def _renew_all(self, those: Sequence[Lease]) -> Sequence[bool]:
        with outages_named():
            async with self.sessions.begin() as session:
                renewed = await SqlLeases(session).renew_all(those, seconds=LEASE)
        return [lease in renewed for lease in those]

    async def _renew_alone(self, lease: Lease) -> None:
        with outages_named():
            async with self.sessions.begin() as session:
                await SqlLeases(session).renew(lease, seconds=LEASE)

    async def _release(self, lease: Lease) -> None:
        try:
            await self._releasing(lease)
        except Exception:
            log.exception("lease not released", extra={"worker": self.name})

    async def _release_all(self, those: Sequence[Lease]) -> Sequence[None]:
        with outages_named():
            async with self.sessions.begin() as session:
                await SqlLeases(session).release_all(those)
        return [None] * len(those)
