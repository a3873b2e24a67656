"""What viewers may leave unread is bounded, in lines and in bytes, for all of them together."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from common.contracts.logs import StoredLine
from log_service.domain.backlog import Backlog, encode, frames

TIME = datetime(2026, 1, 1, tzinfo=UTC)


def line(sequence: int, text: str = "text") -> StoredLine:
    return StoredLine(
        sequence=sequence, time=TIME, level="info", writer="test", step=None, text=text
    )


def lines(first: int, last: int) -> tuple[StoredLine, ...]:
    return tuple(line(number) for number in range(first, last + 1))


def test_a_frame_says_what_it_holds():
    frame = encode(lines(3, 4))

    sent = json.loads(frame.text)
    assert sent["type"] == "lines"
    assert [item["sequence"] for item in sent["lines"]] == [3, 4]


def test_lines_are_cut_into_frames_of_bounded_size():
    big = [line(number, "x" * 900) for number in range(1, 8)]

    cut = list(frames([*big, line(8, "y" * 9000), line(9)], size=2500))

    assert [(f.first, f.last) for f in cut] == [(1, 2), (3, 4), (5, 6), (7, 7), (8, 8), (9, 9)]


def test_the_oldest_lines_go_first_and_the_newest_frame_stays():
    backlog = Backlog(start=10, max_lines=5, max_bytes=10**6)

    backlog.add(encode(lines(11, 14)))
    assert (backlog.start, backlog.end) == (10, 14)
    backlog.add(encode(lines(15, 16)))
    assert (backlog.start, backlog.end) == (14, 16)
    backlog.add(encode(lines(17, 30)))
    assert (backlog.start, backlog.end) == (16, 30)


def test_bytes_are_bounded_too():
    backlog = Backlog(start=0, max_bytes=5000)

    for number in range(1, 50):
        backlog.add(encode((line(number, "x" * 900),)))

    assert backlog.end - backlog.start <= 5


@given(cuts=st.lists(st.integers(1, 7), min_size=1, max_size=12), after=st.integers(0, 100))
def test_from_any_position_every_line_comes_once_and_in_order(cuts: list[int], after: int):
    backlog = Backlog(start=0)
    end = 0
    for size in cuts:
        backlog.add(encode(lines(end + 1, end + size)))
        end += size

    seen: list[int] = []
    position = after
    while frame := backlog.next(position):
        seen += [item.sequence for item in frame.lines]
        position = frame.last

    assert seen == list(range(after + 1, end + 1))
