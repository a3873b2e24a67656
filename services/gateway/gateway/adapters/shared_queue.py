"""One queue for all dispatchers of this process: what many ask at once is one transaction.

Each asks under its own lease; who lost that is told so, and nothing of it is written down. Who has
to wait for somebody else, or will take long, is served alone.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from common.db.leases import Lease, LeaseLost
from common.together import Together
from gateway.domain.delivering import Outcome
from gateway.domain.endpoint import Endpoint
from gateway.handlers.delivery_queue import Question, Seen, look
from gateway.handlers.dispatch_state import DispatchState
from gateway.handlers.outcomes import Recorded, record
from gateway.ports.work import Work

T = TypeVar("T")
R = TypeVar("R")


class LeasedWork(Protocol):
    """Opens transactions for who has leases."""

    def for_several(
        self, leases: Sequence[Lease]
    ) -> AbstractAsyncContextManager[tuple[Work, frozenset[Lease]]]:
        """Open one, and tell which of the leases still hold, and will until its end."""
        ...

    def for_one(self, lease: Lease) -> AbstractAsyncContextManager[Work]:
        """Open one as soon as nobody else holds the endpoint. Raises ``LeaseLost``."""
        ...


class _Busy(Exception):
    """Somebody else holds the endpoint."""


@dataclass(frozen=True, slots=True)
class _Under(Generic[T]):
    """What is asked, and the lease that it is asked under."""

    lease: Lease
    asked: T


@dataclass(slots=True)
class SharedQueue:
    """Gives each dispatcher its own, under its lease."""

    leased_work: LeasedWork
    state: DispatchState
    looks: Together[_Under[Question], Seen] = field(init=False)
    records: Together[_Under[Sequence[Outcome]], Endpoint | None] = field(init=False)

    def __post_init__(self) -> None:
        """Have looks go with looks, and records with records."""
        self.looks = Together(self._look)
        self.records = Together(self._record)

    def under(self, lease: Lease) -> "LeasedQueue":
        """Return the queue as it is for the one who has that lease."""
        return LeasedQueue(self, lease)

    async def aclose(self) -> None:
        """Stop."""
        await self.looks.aclose()
        await self.records.aclose()

    async def record_in(self, tx: Work, several: Sequence[_Under[Sequence[Outcome]]]) -> Recorded:
        """Write down what came of attempts."""
        ended = {one.lease.subject_id: one.asked for one in several}
        return await record(tx, ended, schedule=self.state.schedule, chance=self.state.chance)

    async def _look(self, several: Sequence[_Under[Question]]) -> Sequence[Seen | Exception]:
        async with self.leased_work.for_several([one.lease for one in several]) as (tx, held):
            questions = [one.asked for one in several if one.lease in held]
            found = await look(tx, questions, at=self.state.clock())
        return _answers(several, held, lambda one: found[one.lease.subject_id])

    async def _record(
        self, several: Sequence[_Under[Sequence[Outcome]]]
    ) -> Sequence[Endpoint | Exception | None]:
        async with self.leased_work.for_several([one.lease for one in several]) as (tx, held):
            found = await self.record_in(tx, [one for one in several if one.lease in held])
        return _answers(several, held, lambda one: _recorded(found, one.lease.subject_id))


def _recorded(found: Recorded, endpoint_id: str) -> Endpoint | Exception | None:
    return _Busy() if endpoint_id in found.busy else found.endpoints.get(endpoint_id)


def _answers(
    several: Sequence[_Under[T]],
    held: frozenset[Lease],
    answer: Callable[[_Under[T]], R],
) -> Sequence[R | Exception]:
    return [
        answer(one) if one.lease in held else LeaseLost(one.lease.subject_id) for one in several
    ]


@dataclass(frozen=True, slots=True)
class LeasedQueue:
    """The queue for one dispatcher."""

    shared: SharedQueue
    lease: Lease

    async def look(self, question: Question) -> Seen:
        """Read the endpoint, and what is due."""
        return await self.shared.looks(_Under(self.lease, question))

    async def find(self, endpoint_id: str) -> Endpoint | None:
        """Read the endpoint alone."""
        async with self.shared.leased_work.for_several([self.lease]) as (tx, held):
            if self.lease not in held:
                raise LeaseLost(endpoint_id)
            return await tx.endpoints.find(endpoint_id)

    async def record(self, endpoint_id: str, outcomes: Sequence[Outcome]) -> Endpoint | None:
        """Write down what came of attempts, and return the endpoint as it is then."""
        assert endpoint_id == self.lease.subject_id
        asked: _Under[Sequence[Outcome]] = _Under(self.lease, tuple(outcomes))
        if not any(one.is_gone for one in outcomes):  # which may call off very much
            with suppress(_Busy):
                return await self.shared.records(asked)
        async with self.shared.leased_work.for_one(self.lease) as tx:
            found = await self.shared.record_in(tx, [asked])
        return found.endpoints.get(endpoint_id)
