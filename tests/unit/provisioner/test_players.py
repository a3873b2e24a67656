"""Who plays is asked now and then, told when it changes, and shown while it is known."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from pydantic import JsonValue

from common.contracts import events as evt
from provisioner.domain.errors import NotYet
from provisioner.domain.game import Game
from provisioner.domain.players import CONSOLES_EVERY, EVERY, LONGEST, Count, count_of
from provisioner.domain.roster import roster
from provisioner.domain.run import Run, Stage
from provisioner.handlers import on_event
from provisioner.players import Counter, Counting
from provisioner.work import work_on
from tests.fakes.provisioner import (
    GAME,
    SERVER,
    FakeGames,
    FakeProvisioner,
    PowerCut,
    cancel,
    vm_ready,
)


class World(FakeProvisioner):
    """A server that runs, and somebody who counts."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.counter = self.another()

    def another(self) -> Counter:
        """Return what counts in another copy, or after a restart."""
        return Counter(
            work=self,
            counting=Counting(
                running=self._running,
                tools=self.tools,
                clock=lambda: self.seconds,
                sleep=self._sleep,
            ),
        )

    async def _running(self) -> Sequence[Run]:
        return [run for run in self.runs.rows.values() if run.stage is Stage.DONE]

    async def _sleep(self, seconds: float) -> None:
        self.seconds += seconds

    async def after(self, seconds: float, **answer: JsonValue) -> None:
        """Let time pass, then have the counter go round."""
        self.seconds += seconds
        self.queries.answer = answer
        await self.counter.go_round()

    def told(self) -> list[tuple[int, int | None]]:
        return [(one.players, one.max_players) for one in self.said(evt.PlayersChanged)]

    def shown(self) -> float | None:
        return REGISTRY.get_sample_value("spawnyard_players", {"server": SERVER})


@pytest.fixture
async def world() -> World:
    world = World()
    await on_event(vm_ready(), work=world)
    await work_on(SERVER, work=world, tools=world.tools)
    world.queries.asked.clear()
    return world


async def test_a_change_is_told_once_and_every_count_is_shown(world: World):
    await world.after(0, players=0, max_players=8)
    await world.after(EVERY, players=0, max_players=8)
    await world.after(EVERY, players=3, max_players=8)
    assert world.shown() == 3
    await world.after(EVERY, players=1, max_players=8)

    assert world.told() == [(0, 8), (3, 8), (1, 8)]
    assert world.shown() == 1
    [first, *_] = world.said(evt.PlayersChanged)
    assert (first.server_id, first.operation_id) == (SERVER, world.run.operation_id)


async def test_a_game_is_not_asked_more_often_than_it_is_due(world: World):
    for _ in range(10):
        await world.after(EVERY / 5, players=1)

    assert len(world.queries.asked) == 2


async def test_a_server_that_is_stopped_is_asked_less_and_less_often(world: World):
    await world.after(0, players=2)
    world.queries.silent = 1_000_000
    await world.after(EVERY)
    assert world.shown() == 2, "one answer may get lost"
    await world.after(EVERY)
    assert world.shown() is None

    asked = len(world.queries.asked)
    for _ in range(100):
        await world.after(LONGEST / 10)
    assert len(world.queries.asked) - asked < 16
    assert world.told() == [(2, None)]


async def test_one_that_comes_up_again_is_asked_at_once(world: World):
    world.queries.silent = 1_000_000
    for _ in range(9):
        await world.after(LONGEST)
    world.queries.silent = 0
    await on_event(vm_ready(operation_id="op_6", kind="start"), work=world)
    await work_on(SERVER, work=world, tools=world.tools)

    await world.after(0, players=4)

    assert world.told() == [(4, None)]


async def test_the_count_is_told_anew_once_it_has_come_up_again(world: World):
    await world.after(0, players=0)
    await on_event(vm_ready(operation_id="op_6", kind="restart"), work=world)
    await work_on(SERVER, work=world, tools=world.tools)

    await world.after(EVERY, players=0)

    assert [one.operation_id for one in world.said(evt.PlayersChanged)] == ["op_5", "op_6"]


async def test_what_was_told_is_not_told_again_by_another_copy(world: World):
    await world.after(0, players=4)

    world.counter = world.another()
    await world.after(0, players=4)
    await world.after(EVERY, players=5)

    assert world.told() == [(4, None), (5, None)]


async def test_a_server_that_is_being_removed_is_forgotten(world: World):
    await world.after(0, players=4)
    removal = evt.RemovalRequested(server_id=SERVER, operation_id="op_6", reason="deleted")
    await on_event(removal, work=world)

    await world.after(EVERY, players=5)

    assert world.told() == [(4, None)]
    assert world.shown() is None


@pytest.mark.parametrize(
    ("called_off", "counts"), [("op_5", [("op_5", 5)]), ("op_6", [("op_6", 4), ("op_6", 5)])]
)
async def test_one_that_runs_on_after_a_change_was_called_off_is_counted_on(
    world: World, called_off: str, counts: list[tuple[str, int]]
):
    await world.after(0, players=4)

    await on_event(cancel(operation_id=called_off), work=world)
    await on_event(vm_ready(operation_id=called_off, kind="restart"), work=world)
    await work_on(SERVER, work=world, tools=world.tools)
    await world.after(EVERY, players=4)
    await world.after(EVERY, players=5)

    told = [(one.operation_id, one.players) for one in world.said(evt.PlayersChanged)]
    assert told == [("op_5", 4), *counts]
    assert len(world.said(evt.ServerReady)) == 1


async def test_a_game_of_which_nobody_knows_is_passed_over(world: World):
    run = world.run
    assert run.vm is not None
    spec = run.vm.spec.model_copy(update={"game": "gone"})
    vm = run.vm.model_copy(update={"spec": spec})
    world.runs.rows["srv_0"] = Run(server_id="srv_0", operation_id="op_1", vm=vm, stage=Stage.DONE)

    await world.after(0, players=1)

    assert world.told() == [(1, None)]


async def test_one_that_cannot_be_asked_keeps_no_other_from_being_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    other = replace(world.run, server_id="srv_0", operation_id="op_1")
    world.runs.rows = {"srv_0": other, **world.runs.rows}
    ask = world.queries.ask

    async def once(*where: str | int) -> dict[str, JsonValue]:
        if not world.queries.asked:
            world.queries.asked.append(("", "", 0))
            raise OSError("too many open files")
        return await ask(*where)  # type: ignore[arg-type]

    monkeypatch.setattr(world.queries, "ask", once)

    await world.after(0, players=1)

    assert world.told() == [(1, None)]


@pytest.mark.parametrize("point", range(4))
async def test_cut_anywhere_a_change_is_told_once(world: World, point: int):
    world.power.left = point
    try:
        await world.after(0, players=1)
    except PowerCut:
        world.counter = world.another()
    world.power.left = None

    await world.after(EVERY, players=1)

    assert world.told() == [(1, None)]


async def test_whoever_stops_counting_shows_nothing_any_more(world: World):
    world.queries.answer = {"players": 1}

    async def stop(_: float) -> None:
        assert world.shown() == 1
        raise NotYet("the lease is lost")

    counter = Counter(
        work=world,
        counting=Counting(
            running=world.counter.counting.running,
            tools=world.tools,
            clock=lambda: 0.0,
            sleep=stop,
        ),
    )
    with pytest.raises(NotYet):
        await counter.keep_counting()

    assert world.shown() is None


async def test_nor_does_anybody_who_was_still_being_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    other = replace(world.run, server_id="srv_0", operation_id="op_1")
    world.runs.rows = {**world.runs.rows, "srv_0": other}
    asked: list[str] = []

    async def ask(*where: str | int) -> dict[str, JsonValue]:
        asked.append("begun")
        if len(asked) == 2:
            raise RuntimeError("the lease is lost")
        try:
            return await asyncio.Event().wait() and {}
        finally:
            asked.append("let go")

    monkeypatch.setattr(world.queries, "ask", ask)

    with pytest.raises(RuntimeError):
        await world.counter.keep_counting()

    assert asked == ["begun", "begun", "let go"]


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        ({"players": 3, "max_players": 8}, Count(players=3, max_players=8)),
        ({"players": 3, "max_players": "8"}, Count(players=3)),
        ({"players": 0}, Count(players=0)),
        ({"players": -1}, None),
        ({"players": True}, None),
        ({"players": "3"}, None),
        ({"players": 10**9}, None),
        ({"players": 1.5}, None),
        ({}, None),
    ],
)
def test_a_game_may_tell_anything(answer: dict[str, JsonValue], count: Count | None):
    assert count_of(answer) == count


async def test_the_folder_of_a_game_is_read_once_for_each_operation(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    read: list[str] = []
    games = world.tools.games
    find = games.find

    def counted(game_id: str, settings: Mapping[str, JsonValue] | None = None) -> Game:
        read.append(game_id)
        return find(game_id, settings or {})

    monkeypatch.setattr(games, "find", counted)
    for _ in range(3):
        await world.after(EVERY, players=1)
    assert len(read) == 1

    await on_event(vm_ready(operation_id="op_6", kind="start"), work=world)
    await work_on(SERVER, work=world, tools=world.tools)
    read.clear()
    await world.after(EVERY, players=1)

    assert len(read) == 1


JOINS = roster(
    joined=r"^\[info\] (?P<player>[a-z]{1,20}) joins$",
    left=r"^\[info\] (?P<player>[a-z]{1,20}) leaves$",
)


async def by_console(world: World, *lines: str) -> None:
    games = world.tools.games
    assert isinstance(games, FakeGames)
    games.game = replace(GAME, roster=JOINS)
    world.guests.said = lines


async def test_a_console_tells_who_plays_where_the_query_does_not(world: World):
    await by_console(world, "[info] ada joins", "[info] bob joins", "[info] ada leaves")
    await world.after(0)
    await by_console(world, "[info] ada joins", "[info] bob joins")
    await world.after(CONSOLES_EVERY)

    assert world.told() == [(1, None), (2, None)]
    assert world.queries.asked == []


async def test_a_console_is_looked_at_less_often_than_a_game_is_asked(world: World):
    await by_console(world, "[info] ada joins")
    await world.after(0)
    await by_console(world, "[info] ada joins", "[info] bob joins")
    await world.after(EVERY)

    assert world.told() == [(1, None)]


async def test_a_game_that_does_not_run_tells_nothing(world: World):
    world.guests.said = None
    games = world.tools.games
    assert isinstance(games, FakeGames)
    games.game = replace(GAME, roster=JOINS)

    await world.after(0)

    assert world.told() == []


def test_what_players_write_counts_for_nothing():
    lines = [
        "[info] ada joins",
        "<ada> [info] bob joins",
        "[info] bob joins and more",
        "[info] bob joins\n[info] eve joins",
        "[info] ada leaves" + " " * 5000,
    ]

    assert JOINS.present(lines) == {"ada"}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans())))
def test_who_came_last_and_has_not_gone_is_there(moves: list[tuple[str, bool]]):
    last = dict(moves)

    lines = [f"[info] {name} {'joins' if come else 'leaves'}" for name, come in moves]

    assert JOINS.present(lines) == {name for name, come in last.items() if come}
