"""Deliveries in memory, receivers that do as they are told, and a clock that is set by hand."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from common.db.leases import Lease
from gateway.domain.delivery import Attempt, Delivery, DeliveryState
from gateway.ports.deliveries import Due, Failed, Listed, ListedAttempts
from gateway.ports.sender import Answer, NotSent
from gateway.ports.work import UnitOfWork as AnyUnitOfWork
from gateway.ports.work import Work

Key = tuple[str, str]


@dataclass
class FakeDeliveries:
    rows: dict[Key, Delivery] = field(default_factory=dict[Key, Delivery])
    attempts: dict[tuple[str, str, int], Attempt] = field(
        default_factory=dict[tuple[str, str, int], Attempt]
    )

    async def add(self, *deliveries: Delivery) -> None:
        for row in deliveries:
            self.rows.setdefault((row.endpoint_id, row.event_id), row)

    async def due(self, due: Due) -> Sequence[Delivery]:
        pending = [row for row in self._of(due.endpoint_id) if _is_pending(row)]
        if due.in_order:
            pending = [
                row for row in sorted(pending, key=_position) if not _is_held(row, pending, due)
            ]
        else:
            pending.sort(key=lambda row: row.next_at)
        found = [row for row in pending if row.next_at <= due.at and row.event_id not in due.but]
        return found[: due.limit]

    async def hold(self, endpoint_id: str, event_ids: Sequence[str]) -> Sequence[Delivery]:
        return [row for row in self._of(endpoint_id) if row.event_id in event_ids]

    async def hold_all(self, keys: Sequence[Key]) -> Sequence[Delivery]:
        return [self.rows[key] for key in sorted(keys) if key in self.rows]

    async def save(self, *deliveries: Delivery) -> None:
        for row in deliveries:
            if (row.endpoint_id, row.event_id) in self.rows:
                self.rows[row.endpoint_id, row.event_id] = row

    async def record(self, *attempts: Attempt) -> None:
        for row in attempts:
            self.attempts.setdefault((row.endpoint_id, row.event_id, row.number), row)

    async def count_attempts(self, endpoint_id: str, *, since: datetime) -> int:
        mine = [row for row in self.attempts.values() if row.endpoint_id == endpoint_id]
        return sum(row.at >= since for row in mine)

    async def find_attempt(self, endpoint_id: str, event_id: str, number: int) -> Attempt | None:
        return self.attempts.get((endpoint_id, event_id, number))

    async def cancel(self, endpoint_id: str, *, at: datetime) -> None:
        pending = [row for row in self._of(endpoint_id) if _is_pending(row)]
        await self.save(
            *(replace(row, state=DeliveryState.CANCELLED, done_at=at) for row in pending)
        )

    async def listed(self, page: Listed) -> Sequence[Delivery]:
        found = [
            row
            for row in self._of(page.endpoint_id)
            if (page.before is None or row.position < page.before)
            and page.state in (None, row.state)
        ]
        return sorted(found, key=_position, reverse=True)[: page.limit]

    async def listed_attempts(self, page: ListedAttempts) -> Sequence[Attempt]:
        found = [
            row
            for row in self.attempts.values()
            if row.endpoint_id == page.endpoint_id
            and page.event_id in (None, row.event_id)
            and (page.after is None or _listed(row) < _listed(page.after))
        ]
        return sorted(found, key=_listed, reverse=True)[: page.limit]

    async def failed(self, sought: Failed) -> Sequence[Delivery]:
        found = [
            row
            for row in self._of(sought.endpoint_id)
            if row.state is DeliveryState.FAILED
            and row.position > sought.after
            and row.done_at
            and sought.since <= row.done_at <= sought.until
        ]
        return sorted(found, key=_position)[: sought.limit]

    async def forget(self, *, before: datetime, limit: int) -> int:
        old = [key for key, row in self.attempts.items() if row.at < before][:limit]
        for key in old:
            del self.attempts[key]
        over = [key for key, row in self.rows.items() if _is_over(row, before)][:limit]
        for key in () if old else over:
            del self.rows[key]
        return len(old or over)

    async def forget_endpoint(self, endpoint_id: str, *, limit: int) -> int:
        of_it = [key for key in self.attempts if key[0] == endpoint_id][:limit]
        for key in of_it:
            del self.attempts[key]
        rows = [] if of_it else [key for key in self.rows if key[0] == endpoint_id][:limit]
        for key in rows:
            del self.rows[key]
        return len(of_it or rows)

    async def endpoints_known(self, *, after: str, limit: int) -> Sequence[str]:
        known = {key[0] for key in (*self.rows, *self.attempts) if key[0] > after}
        return sorted(known)[:limit]

    def _of(self, endpoint_id: str) -> list[Delivery]:
        return [row for row in self.rows.values() if row.endpoint_id == endpoint_id]


def _is_pending(row: Delivery) -> bool:
    return row.state is DeliveryState.PENDING


def _position(row: Delivery) -> int:
    return row.position


def _listed(row: Attempt) -> tuple[datetime, str, int]:
    return row.at, row.event_id, row.number


def _is_over(row: Delivery, before: datetime) -> bool:
    return (row.next_at if _is_pending(row) else row.done_at or row.next_at) < before


def _is_held(row: Delivery, pending: Sequence[Delivery], due: Due) -> bool:
    """Tell whether a former one is to arrive first; one that was passed over goes on by itself."""

    def holds_up(one: Delivery) -> bool:
        return one.tries == 0 or due.held_since is None or one.created_at > due.held_since

    return holds_up(row) and any(
        one.subject_id == row.subject_id and one.position < row.position and holds_up(one)
        for one in pending
    )


@dataclass
class FakeClock:
    """Stands still until it is moved."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@dataclass(frozen=True, kw_only=True)
class Sent:
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


def answer(status: int = 204, *, retry_after: str | None = None, body: bytes = b"") -> Answer:
    return Answer(status=status, retry_after=retry_after, body=body, took=0.0)


@dataclass
class FakeSender:
    """Answers as ``says`` tells for a request; keeps all that arrived, answered or not."""

    says: Callable[[Sent], Answer | NotSent] = lambda _: answer()
    sent: list[Sent] = field(default_factory=list[Sent])

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        sent = Sent(url=url, headers=dict(headers), body=body)
        self.sent.append(sent)
        await asyncio.sleep(0)
        said = self.says(sent)
        if isinstance(said, NotSent):
            raise said
        return said

    def ids(self) -> list[str]:
        return [sent.id for sent in self.sent]


@dataclass
class FakeLeasedWork:
    """Transactions for who has leases; every lease holds."""

    work: AnyUnitOfWork

    @asynccontextmanager
    async def for_several(
        self, leases: Sequence[Lease]
    ) -> AsyncGenerator[tuple[Work, frozenset[Lease]]]:
        async with self.work() as tx:
            yield tx, frozenset(leases)

    @asynccontextmanager
    async def for_one(self, lease: Lease) -> AsyncGenerator[Work]:
        async with self.work() as tx:
            yield tx


class OpenSeals:
    """Nothing is sealed: what was put in comes out, at its place alone."""

    def seal(self, data: bytes, *, server_id: str, pointer: str) -> str:
        return f"{server_id} {pointer} {data.decode()}"

    def open(self, envelope: str, *, server_id: str, pointer: str) -> bytes:
        place = f"{server_id} {pointer} "
        assert envelope.startswith(place)
        return envelope.removeprefix(place).encode()

    def fingerprint(self, data: bytes) -> str:
        return data.decode()
