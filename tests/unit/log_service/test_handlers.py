"""Given a record, when a batch is heard, then these are its lines, and viewers were told."""

import pytest

from common.contracts.logs import LogBatch, LogLine
from log_service.domain.errors import TicketForAnother, TicketRefused
from log_service.handlers import admit, on_log_batch, read_page
from tests.fakes.log_service import FakeRecord, FakeTickets, PowerCut

OPERATION = "op_1"


@pytest.fixture
def record() -> FakeRecord:
    return FakeRecord()


def batch(*keys: str, writer: str = "vm-service", final: bool = False) -> LogBatch:
    lines = tuple(LogLine(key=key, text=f"text of {key}") for key in keys)
    return LogBatch(stream_id=OPERATION, server_id="srv_1", writer=writer, lines=lines, final=final)


async def hear(record: FakeRecord, heard: LogBatch) -> None:
    await on_log_batch(heard, work=record, announce=record.announce, mask=str)


class TestOnLogBatch:
    async def test_lines_are_numbered_without_a_hole_across_writers(self, record: FakeRecord):
        await hear(record, batch("a", "b"))
        await hear(record, batch("a", writer="provisioner"))

        assert record.told(OPERATION) == [(1, "text of a"), (2, "text of b"), (3, "text of a")]
        assert record.announced == [(OPERATION, 2), (OPERATION, 3)]

    async def test_hearing_it_twice_is_hearing_it_once(self, record: FakeRecord):
        await hear(record, batch("a", "b"))
        await hear(record, batch("a", "b"))

        assert record.told(OPERATION) == [(1, "text of a"), (2, "text of b")]

    async def test_a_batch_that_overlaps_adds_only_what_is_new(self, record: FakeRecord):
        await hear(record, batch("a", "b"))
        await hear(record, batch("b", "c", "c"))

        assert record.told(OPERATION) == [(1, "text of a"), (2, "text of b"), (3, "text of c")]

    async def test_a_failure_leaves_no_trace(self, record: FakeRecord):
        record.cut = "before commit"

        with pytest.raises(PowerCut):
            await hear(record, batch("a", final=True))

        assert record.streams.rows == {}
        assert record.lines.rows == {}
        assert record.announced == []

    @pytest.mark.parametrize("point", ["before commit", "after commit", "before announcing"])
    async def test_cut_anywhere_it_heals_when_delivered_again(self, record: FakeRecord, point: str):
        record.cut = point
        with pytest.raises(PowerCut):
            await hear(record, batch("a", "b", final=True))

        await hear(record, batch("a", "b", final=True))

        assert record.told(OPERATION) == [(1, "text of a"), (2, "text of b")]
        assert record.announced == [(OPERATION, 2)]
        assert record.streams.rows[OPERATION].ended

    async def test_the_final_batch_ends_the_stream_even_without_lines(self, record: FakeRecord):
        await hear(record, batch("a"))
        await hear(record, batch(final=True))

        page = await read_page(OPERATION, 0, limit=10, work=record)
        assert page.is_last(0)

    async def test_a_line_that_comes_after_the_end_is_kept_and_numbered(self, record: FakeRecord):
        await hear(record, batch("a", final=True))
        await hear(record, batch("b"))

        assert record.told(OPERATION) == [(1, "text of a"), (2, "text of b")]
        assert record.streams.rows[OPERATION].ended

    async def test_what_looks_like_a_secret_is_masked(self, record: FakeRecord):
        heard = batch("a")
        await on_log_batch(
            heard, work=record, announce=record.announce, mask=lambda text: text.replace("a", "*")
        )

        assert record.told(OPERATION) == [(1, "text of *")]


class TestReadPage:
    async def test_pages_follow_each_other(self, record: FakeRecord):
        await hear(record, batch(*"abcde", final=True))

        first = await read_page(OPERATION, 0, limit=3, work=record)
        second = await read_page(OPERATION, first.next_after(0), limit=3, work=record)

        assert [line.sequence for line in (*first.lines, *second.lines)] == [1, 2, 3, 4, 5]
        assert (first.is_last(0), second.is_last(3)) == (False, True)

    async def test_a_stream_nobody_wrote_to_is_empty_and_open(self, record: FakeRecord):
        page = await read_page("op_2", 7, limit=3, work=record)

        assert page.lines == ()
        assert page.next_after(7) == 7
        assert not page.is_last(7)


class TestAdmit:
    async def test_a_ticket_opens_its_own_stream_only(self):
        tickets = FakeTickets({"good": OPERATION})

        await admit("good", stream_id=OPERATION, tickets=tickets)
        with pytest.raises(TicketForAnother):
            await admit("good", stream_id="op_2", tickets=tickets)
        with pytest.raises(TicketRefused):
            await admit("bad", stream_id=OPERATION, tickets=tickets)
