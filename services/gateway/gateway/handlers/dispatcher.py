"""Takes one endpoint's deliveries out, as many at a time as it bears, until nothing is due.

What is sent and not yet written down when the process dies is sent again: at least once.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from gateway.domain.delivering import MOST_IN_FLIGHT, Outcome
from gateway.domain.endpoint import Endpoint
from gateway.handlers.attempts import Dispatch
from gateway.handlers.delivery_queue import DeliveryQueue, Question
from gateway.handlers.dispatch_state import DispatchState
from gateway.handlers.under_way import UnderWay

log = logging.getLogger(__name__)

FRESH: Final = timedelta(seconds=1)  # what was read is believed so long: an endpoint may be gone
WRITTEN: Final = 20  # successes written down at once, at most …
SOON: Final = timedelta(milliseconds=100)  # … and how long the first of them waits for it
SHORT: Final = timedelta(seconds=1)  # a pause that is waited for here; longer ones elsewhere
# At the end, in seconds: for answers that are about to come, and to write down what came.
LAST_ANSWERS: Final = 0.5
LAST_WORDS: Final = 1.2


async def deliver(endpoint_id: str, *, state: DispatchState, queue: DeliveryQueue) -> None:
    """Deliver what is due to an endpoint; the queue is asked under its lease."""
    await _Dispatcher(endpoint_id, state, queue).run()


@dataclass(slots=True)
class _Dispatcher:
    """One endpoint's deliveries, from the first look until nothing is due. ``saw_all``: in it.

    ``over_at``: when the first that ``ended`` did so. ``was_poor``: at the first look; who turns
    out to be poor later on is let go of, for somebody who has a hand for such.
    """

    id: str
    state: DispatchState
    queue: DeliveryQueue
    endpoint: Endpoint | None = None
    dispatches: deque[Dispatch] = field(default_factory=deque[Dispatch])
    read_at: float | None = None
    saw_all: bool = False
    went: bool = False
    was_poor: bool = False
    under_way: UnderWay = field(default_factory=UnderWay)
    ended: list[Outcome] = field(default_factory=list[Outcome])
    over_at: float = 0.0
    writing: asyncio.Future[Endpoint | None] | None = None

    async def run(self) -> None:
        try:
            while await self._step():
                pass
        finally:
            await self._leave()
        if not self.went and self.endpoint is not None:
            # All that is due waits for a former one: look again, but not at once.
            self.state.pause(self.endpoint, SHORT)

    async def _leave(self) -> None:
        """Begin nothing more; write down what is over, or within moments: it is not sent again."""
        self.ended += await self.under_way.last_outcomes(within=LAST_ANSWERS)
        try:
            async with asyncio.timeout(LAST_WORDS):
                if self.writing is not None:
                    await asyncio.wait([self.writing])
                if self.ended:
                    await self.queue.record(self.id, self.ended)
        except Exception:
            log.exception("what was sent last is sent again: it could not be written down")

    async def _step(self) -> bool:
        """Look, begin what may begin, wait for some, write it down; false: nothing is left."""
        if self._has_turned():
            self.dispatches.clear()
            self.under_way.call_back()
        if self._has_a_hand() and self._is_to_look():
            await self._look()
        self._begin()
        if not self.under_way:
            await self._record()
            return await self._rest()
        await self._wait()
        self._begin()  # before writing down: no hand shall wait for the database
        if self._is_to_record():
            await self._record()
        return True

    def _has_turned(self) -> bool:
        found, is_poor = self.endpoint, self.state.places.is_poor
        return not self.was_poor and found is not None and is_poor(found)

    def _has_a_hand(self) -> bool:
        if self.endpoint is None:
            return not self.under_way
        one_waits = bool(self.endpoint.gap) and self.under_way.any_waits
        if one_waits or self._has_turned():
            return False
        most = min(self.endpoint.max_in_flight, MOST_IN_FLIGHT)
        return len(self.under_way) < most and not self._pause_left()

    def _pause_left(self) -> timedelta:
        found = self.endpoint
        return self.state.pause_left(found.id, found.revision) if found else timedelta(0)

    def _is_to_look(self) -> bool:
        return not self._is_fresh() or (not self.dispatches and not self.saw_all)

    def _is_fresh(self) -> bool:
        return self.read_at is not None and self._since(self.read_at) < FRESH

    def _since(self, then: float) -> timedelta:
        return timedelta(seconds=self.state.seconds() - then)

    async def _look(self) -> None:
        """Read the endpoint, and what is due and not in hand; what was read before is dropped."""
        self.dispatches.clear()
        in_hand = self.under_way.event_ids | {one.event_id for one in self.ended}
        seen = await self.queue.look(Question(endpoint_id=self.id, but=in_hand))
        if self.endpoint is None and seen.endpoint is not None:
            self.was_poor = self.state.places.is_poor(seen.endpoint)
        self.endpoint, self.saw_all = seen.endpoint, seen.is_all
        self.dispatches.extend(seen.dispatches)
        self.read_at = self.state.seconds()
        if self.endpoint is not None and seen.last_at is not None:  # by whatever process
            gap = self.endpoint.gap
            self.state.pause(self.endpoint, min(seen.last_at + gap - self.state.clock(), gap))

    def _begin(self) -> None:
        """Begin attempts, as many as the endpoint bears and the time allows."""
        while self.endpoint and self.dispatches and self._is_fresh() and self._has_a_hand():
            dispatch = self.dispatches.popleft()
            self.under_way.begin(dispatch.event.id, self._attempt(dispatch))
            self.went = True
            self.state.pause(self.endpoint, self.endpoint.gap)

    async def _attempt(self, dispatch: Dispatch) -> Outcome | None:
        """Wait for a place, and send; unless the endpoint is gone by then."""
        if self.endpoint is None:
            return None
        async with self.state.places.one_for(self.endpoint):
            endpoint = self.endpoint if self._is_fresh() else await self.queue.find(self.id)
            if endpoint is None or not endpoint.enabled:
                return None
            self.under_way.has_place(dispatch.event.id)
            self.state.pause(endpoint, endpoint.gap)
            outcome = await self.state.attempting.attempt(endpoint, dispatch)
            self.state.places.learn(self.id, outcome)
            return outcome

    async def _wait(self) -> None:
        """Wait until an attempt is over, or there may be something else to do."""
        left = min(self._pause_left() or FRESH, SOON if self.ended else FRESH)
        for outcome in await self.under_way.next_outcomes(within=left.total_seconds()):
            self.over_at = self.over_at if self.ended else self.state.seconds()
            self.ended.append(outcome)
            if outcome.is_gone:  # and all that waits is called off when that is written down
                self.dispatches.clear()
            if self.endpoint is not None and self.endpoint.url == outcome.url:
                self.state.pause(self.endpoint, outcome.pause)

    def _is_to_record(self) -> bool:
        """Tell whether to write down now: successes may wait a little, for others to join them."""
        return bool(self.ended) and (
            len(self.ended) >= WRITTEN
            or self.endpoint is None
            or self.endpoint.in_order
            or not all(one.succeeded for one in self.ended)
            or self._since(self.over_at) >= SOON
        )

    async def _record(self) -> None:
        """Write down what is over, and learn what became of the endpoint meanwhile."""
        if self.ended:
            told, self.ended = self.ended, []
            self.writing = asyncio.ensure_future(self.queue.record(self.id, told))
            self.endpoint = await asyncio.shield(self.writing)
        if self.endpoint is None or not self.endpoint.enabled:
            self.dispatches.clear()

    async def _rest(self) -> bool:
        """Wait for a short pause to end, where there is more to do; false: come back later."""
        left = self._pause_left()
        if not left or self._has_turned():
            return bool(self.dispatches)
        if left > SHORT or (self.saw_all and not self.dispatches):
            return False
        await self.state.sleep(left.total_seconds())
        return True
