"""The record keeps on SQLite and PostgreSQL what it promises."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from common.bell import Bell
from common.contracts.logs import LogBatch, LogLine
from common.db.engine import database
from common.db.migrate import migrate
from common.db.work import UnitOfWork
from log_service.adapters.sql import SqlWork
from log_service.handlers import on_log_batch, read_page
from log_service.main import MIGRATIONS
from tests.fakes.log_service import PowerCut

pytestmark = pytest.mark.integration

OPERATION = "op_1"


class Record:
    """The handler over a real database, with a plug that can be pulled."""

    def __init__(self, work: UnitOfWork[SqlWork]) -> None:
        self.work = work
        self.announced: list[int] = []
        self.cut = False

    async def hear(self, batch: LogBatch) -> None:
        await on_log_batch(batch, work=self.work, announce=self._announce, mask=str)

    async def _announce(self, _: str, sequence: int) -> None:
        if self.cut:
            self.cut = False
            raise PowerCut
        self.announced.append(sequence)

    async def told(self) -> list[tuple[int, str]]:
        page = await read_page(OPERATION, 0, limit=10_000, work=self.work)
        return [(line.sequence, line.text) for line in page.lines]


@pytest.fixture
async def record(database_url: str) -> AsyncGenerator[Record]:
    await migrate(database_url, MIGRATIONS)
    await migrate(database_url, MIGRATIONS)
    async with database(database_url) as sessions:
        yield Record(UnitOfWork(sessions, bind=SqlWork.bind, bell=Bell()))


def batch(*keys: str, writer: str = "vm-service", final: bool = False) -> LogBatch:
    lines = tuple(LogLine(key=key, text=f"text of {key}", step="clone") for key in keys)
    return LogBatch(stream_id=OPERATION, server_id="srv_1", writer=writer, lines=lines, final=final)


async def test_lines_come_back_as_they_were_told(record: Record):
    told = batch("a", "b", final=True)
    await record.hear(told)

    page = await read_page(OPERATION, 0, limit=10, work=record.work)

    assert [(line.sequence, line.writer, line.step) for line in page.lines] == [
        (1, "vm-service", "clone"),
        (2, "vm-service", "clone"),
    ]
    assert [line.time for line in page.lines] == [line.time for line in told.lines]
    assert page.is_last(0)
    assert record.announced == [2]


async def test_hearing_it_twice_is_hearing_it_once(record: Record):
    await record.hear(batch("a", "b"))
    await record.hear(batch("a", "b"))
    await record.hear(batch("b", "c"))

    assert await record.told() == [(1, "text of a"), (2, "text of b"), (3, "text of c")]


async def test_a_failure_leaves_no_trace(record: Record):
    with pytest.raises(PowerCut):
        async with record.work() as tx:
            await tx.streams.get_or_add(OPERATION, server_id="srv_1")
            raise PowerCut

    async with record.work() as tx:
        assert await tx.streams.find(OPERATION) is None


async def test_cut_between_commit_and_announcement_it_heals(record: Record):
    record.cut = True
    with pytest.raises(PowerCut):
        await record.hear(batch("a", "b"))

    await record.hear(batch("a", "b"))

    assert await record.told() == [(1, "text of a"), (2, "text of b")]
    assert record.announced == [2]


async def test_copies_that_write_at_once_leave_no_hole_and_no_repeat(record: Record):
    batches = [batch(*(f"{n}-{k}" for k in range(5)), writer=f"w{n % 3}") for n in range(12)]

    await asyncio.gather(*(record.hear(one) for one in [*batches, *reversed(batches)]))

    told = await record.told()
    assert [sequence for sequence, _ in told] == list(range(1, 61))
    assert len({text for _, text in told}) == 60


async def test_pages_are_cut_by_number_of_lines(record: Record):
    await record.hear(batch(*(str(n) for n in range(10))))

    page = await read_page(OPERATION, 4, limit=3, work=record.work)

    assert [line.sequence for line in page.lines] == [5, 6, 7]
    assert (await read_page(OPERATION, 2**63 - 1, limit=3, work=record.work)).lines == ()


async def test_controls_a_database_would_refuse_are_harmless(record: Record):
    line = LogLine(key="nul", text="nul \x00 and bell \x07 \U0001f3ae")
    await record.hear(
        LogBatch(stream_id=OPERATION, server_id="srv_1", writer="guest", lines=(line,))
    )

    assert await record.told() == [(1, "nul ␀ and bell ␇ \U0001f3ae")]
