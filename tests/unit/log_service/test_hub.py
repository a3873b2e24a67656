"""Viewers see every line once and in order, wherever they come in, leave and come back."""

import asyncio
from contextlib import aclosing
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.contracts.logs import LogBatch, LogLine
from log_service.adapters.hub import Hub, Limits
from log_service.domain.errors import TooSlow
from log_service.domain.stream import Page
from log_service.handlers import on_log_batch, read_page
from tests.fakes.log_service import FakeRecord

OPERATION = "op_1"


class World:
    """A record, a hub over it, and a writer whose announcements may get lost."""

    def __init__(self, *, page: int = 3, limits: Limits | None = None) -> None:
        self.record = FakeRecord()
        self.reads = 0
        self._page = partial(read_page, limit=page, work=self.record)
        self.hub = Hub(self._read, limits=limits or Limits(poll=0.005))
        self.written = 0

    async def _read(self, stream_id: str, after: int) -> Page:
        self.reads += 1
        await asyncio.sleep(0)
        return await self._page(stream_id, after)

    async def write(self, count: int, *, heard: bool = True, final: bool = False) -> None:
        numbers = range(self.written + 1, self.written + count + 1)
        lines = tuple(LogLine(key=str(n), text=str(n)) for n in numbers)
        self.written += count
        batch = LogBatch(
            stream_id=OPERATION, server_id="srv_1", writer="w", lines=lines, final=final
        )

        async def announce(stream_id: str, sequence: int) -> None:
            if heard:
                self.hub.wake(stream_id)

        await on_log_batch(batch, work=self.record, announce=announce, mask=str)

    async def watch(self, *, after: int = 0, enough: int | None = None) -> list[int]:
        """Watch until the end, or until so many lines have come."""
        seen: list[int] = []
        async with self.hub.view(OPERATION, after=after) as view, aclosing(view.frames()) as frames:
            async for frame in frames:
                seen += [int(line.text) for line in frame.lines]
                if enough is not None and len(seen) >= enough:
                    break
        return seen


@pytest.mark.parametrize("cut", range(13))
async def test_the_seam_holds_wherever_the_viewer_comes_in(cut: int):
    world = World()
    await world.write(cut)

    viewer = asyncio.create_task(world.watch())
    await asyncio.sleep(0)
    for _ in range(12 - cut):
        await world.write(1)
        await asyncio.sleep(0)
    await world.write(0, final=True)

    assert await viewer == list(range(1, 13))


@pytest.mark.parametrize("cut", range(13))
async def test_a_viewer_that_leaves_after_any_line_resumes_where_it_was(cut: int):
    world = World(page=1)
    await world.write(12, final=True)

    first = await world.watch(enough=cut) if cut else []
    rest = await world.watch(after=first[-1] if first else 0)

    assert first + rest == list(range(1, 13))


@settings(deadline=None, max_examples=100)
@given(
    writes=st.lists(
        st.tuples(st.integers(0, 9), st.booleans(), st.integers(0, 3)), min_size=1, max_size=12
    ),
    viewers=st.lists(st.tuples(st.integers(0, 12), st.integers(1, 30)), min_size=1, max_size=4),
    page=st.integers(1, 5),
)
async def test_no_gap_and_no_repeat_whatever_the_timing(
    writes: list[tuple[int, bool, int]], viewers: list[tuple[int, int]], page: int
):
    world = World(page=page, limits=Limits(poll=0.002))

    async def write() -> None:
        for count, heard, pause in writes:
            await world.write(count, heard=heard)
            for _ in range(pause):
                await asyncio.sleep(0)
        await world.write(1, final=True, heard=False)

    async def view(pause: int, patience: int) -> list[int]:
        """Come late, leave after some lines, come back, until the end."""
        for _ in range(pause):
            await asyncio.sleep(0)
        seen: list[int] = []
        while True:
            part = await world.watch(after=len(seen), enough=patience)
            seen += part
            if len(part) < patience:
                return seen

    *seen, _ = await asyncio.gather(*(view(*viewer) for viewer in viewers), write())

    assert seen == [list(range(1, world.written + 1))] * len(viewers)


async def test_many_viewers_cost_one_reader():
    world = World(page=100, limits=Limits(poll=60))
    viewers = [asyncio.create_task(world.watch()) for _ in range(100)]
    await asyncio.sleep(0.05)
    before = world.reads

    await world.write(10)
    await world.write(10, final=True)
    seen = await asyncio.gather(*viewers)

    assert seen == [list(range(1, 21))] * 100
    assert world.reads - before <= 6


async def test_a_slow_viewer_is_told_where_it_stopped_and_holds_up_nobody():
    world = World(page=100, limits=Limits(max_lines=20, poll=60))
    await world.write(5)
    quick = asyncio.create_task(world.watch())

    async with world.hub.view(OPERATION, after=0) as view:
        frames = view.frames()
        assert [line.sequence for line in (await anext(frames)).lines] == [1, 2, 3, 4, 5]
        pending = asyncio.ensure_future(anext(frames))
        await asyncio.sleep(0.01)
        alarm = asyncio.create_task(view.fallen_behind())
        await world.write(5)
        await pending  # it has lines 6 to 10 in hand, and never asks for more
        for _ in range(5):
            await world.write(10)
            await asyncio.sleep(0.01)

        assert await alarm == 5
        with pytest.raises(TooSlow) as slow:
            await anext(frames)
        assert slow.value.sequence == 10
    await world.write(0, final=True)

    assert await quick == list(range(1, 61))
    assert await world.watch(after=5) == list(range(6, 61))


async def test_the_history_of_a_long_log_is_no_backlog():
    world = World(page=10, limits=Limits(max_lines=20, poll=60))
    await world.write(500)

    async with world.hub.view(OPERATION, after=0) as view:
        seen = 0
        async for frame in view.frames():
            assert frame.first == seen + 1
            seen = frame.last
            if seen < 500:
                await world.write(1)
            elif seen >= 540:
                break

    assert seen >= 540


async def test_a_viewer_ahead_of_the_log_waits_for_what_follows():
    world = World()
    await world.write(3)
    viewer = asyncio.create_task(world.watch(after=5))
    await asyncio.sleep(0.01)

    await world.write(4, final=True)

    assert await viewer == [6, 7]


async def test_the_largest_position_sees_the_end_and_nothing_else():
    world = World()
    await world.write(3, final=True)

    assert await world.watch(after=2**63 - 1) == []


async def test_when_the_last_viewer_leaves_the_reader_stops():
    world = World()
    await world.write(3, final=True)
    await world.watch()
    await asyncio.sleep(0.02)
    before = world.reads

    await asyncio.sleep(0.05)

    assert world.reads == before


async def test_a_record_that_fails_for_a_while_costs_viewers_only_time(
    monkeypatch: pytest.MonkeyPatch,
):
    world = World(limits=Limits(poll=0.005, fault_pause=0.005))
    await world.write(3)
    viewer = asyncio.create_task(world.watch())
    await asyncio.sleep(0.02)
    original = world.record.lines.after

    async def broken(*_args: object, **_kwargs: object) -> list[object]:
        raise ConnectionError("the database is away")

    monkeypatch.setattr(world.record.lines, "after", broken)
    await world.write(3)
    await asyncio.sleep(0.02)
    monkeypatch.setattr(world.record.lines, "after", original)
    await world.write(1, final=True)

    assert await viewer == list(range(1, 8))
