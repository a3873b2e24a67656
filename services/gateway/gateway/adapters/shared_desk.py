"""One desk for all couriers of this process: what many ask at the same time is one transaction.

Each asks under its own lease; who lost that is told so, and nothing of it is written down.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from common.db.engine import Sessions
from common.db.leases import Lease, LeaseLost, SqlLeases
from common.db.outage import outages_named
from common.together import Together
from gateway.adapters.sql.work import SqlWork
from gateway.domain.delivering import Outcome
from gateway.domain.endpoint import Endpoint
from gateway.handlers.depot import Depot
from gateway.handlers.desk import Question, Seen, look
from gateway.handlers.outcomes import record

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Under(Generic[T]):
    """What is asked, and the lease that it is asked under."""

    lease: Lease
    asked: T


@dataclass(frozen=True, slots=True)
class Fenced:
    """Transactions that fail when the lease is somebody else's by now, and ring no bell."""

    sessions: Sessions
    lease: Lease

    def __call__(self) -> AbstractAsyncContextManager[SqlWork]:
        """Open one. Raises ``LeaseLost``, ``DatabaseAway``."""
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[SqlWork]:
        with outages_named():
            async with self.sessions.begin() as session:
                await SqlLeases(session).check(self.lease)
                yield SqlWork(session)


@dataclass(slots=True)
class SharedDesk:
    """Gives each courier a desk under its lease."""

    sessions: Sessions
    depot: Depot
    looks: Together[_Under[Question], Seen] = field(init=False)
    records: Together[_Under[Sequence[Outcome]], Endpoint | None] = field(init=False)

    def __post_init__(self) -> None:
        """Have looks go with looks, and records with records."""
        self.looks = Together(self._look)
        self.records = Together(self._record)

    def under(self, lease: Lease) -> "LeasedDesk":
        """Return the desk as it is for the one who has that lease."""
        return LeasedDesk(self, lease)

    async def aclose(self) -> None:
        """Stop."""
        await self.looks.aclose()
        await self.records.aclose()

    async def _look(self, several: Sequence[_Under[Question]]) -> Sequence[Seen | Exception]:
        async with self._held(several) as (work, held):
            questions = [one.asked for one in several if one.lease in held]
            found = await look(work, questions, at=self.depot.clock())
        return _answers(several, held, lambda one: found[one.lease.subject_id])

    async def _record(
        self, several: Sequence[_Under[Sequence[Outcome]]]
    ) -> Sequence[Endpoint | Exception | None]:
        async with self._held(several) as (work, held):
            ended = {one.lease.subject_id: one.asked for one in several if one.lease in held}
            found = await record(
                work, ended, schedule=self.depot.schedule, chance=self.depot.chance
            )
        return _answers(several, held, lambda one: found.get(one.lease.subject_id))

    @asynccontextmanager
    async def _held(
        self, several: Sequence[_Under[T]]
    ) -> AsyncGenerator[tuple[SqlWork, frozenset[Lease]]]:
        """Open a transaction, and tell which of the leases still hold, and will until its end."""
        with outages_named():
            async with self.sessions.begin() as session:
                held = await SqlLeases(session).still_held([one.lease for one in several])
                yield SqlWork(session), held


def _answers(
    several: Sequence[_Under[T]],
    held: frozenset[Lease],
    answer: Callable[[_Under[T]], R],
) -> Sequence[R | Exception]:
    return [
        answer(one) if one.lease in held else LeaseLost(one.lease.subject_id) for one in several
    ]


@dataclass(frozen=True, slots=True)
class LeasedDesk:
    """The desk for one courier."""

    shared: SharedDesk
    lease: Lease

    async def look(self, question: Question) -> Seen:
        """Read the endpoint, and what is due."""
        return await self.shared.looks(_Under(self.lease, question))

    async def find(self, endpoint_id: str) -> Endpoint | None:
        """Read the endpoint alone."""
        async with Fenced(self.shared.sessions, self.lease)() as room:
            return await room.endpoints.find(endpoint_id)

    async def record(self, endpoint_id: str, outcomes: Sequence[Outcome]) -> Endpoint | None:
        """Write down what came of attempts, and return the endpoint as it is then."""
        assert endpoint_id == self.lease.subject_id
        return await self.shared.records(_Under(self.lease, tuple(outcomes)))
