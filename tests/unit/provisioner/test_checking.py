"""A game is up when it has said so and answers, whichever of both it can."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from pydantic import JsonValue

from common.contracts import events as evt
from common.contracts.servers import Endpoint, PublishedPort, TaskTiming
from provisioner.domain.errors import StepFailed
from provisioner.domain.game import Game, Query, Sign
from provisioner.domain.run import Stage
from provisioner.handlers import on_event
from tests.fakes.provisioner import ENDPOINT, GAME, SERVER, FakeGames, FakeProvisioner, vm_ready
from tests.unit.provisioner.runs import finish

pytestmark = pytest.mark.usefixtures("quick")

UP = "[info] up on 7777"
SIGN = Sign(line=re.compile(r"^\[info\] up on [0-9]{1,5}$"))
BY_BOTH = replace(GAME, sign=SIGN)
BY_CONSOLE = replace(GAME, sign=SIGN, query=None)
CALM = (TaskTiming(task="Install", seconds=1),)


async def test_a_game_that_nobody_can_ask_is_up_when_it_says_so(world: FakeProvisioner):
    world.games.game = BY_CONSOLE
    world.guests.said = ("[chat] bob: [info] up on 7777", UP)

    await finish(world)

    [ready] = world.said(evt.ServerReady)
    assert (ready.query, world.queries.asked) == ({}, [])


@pytest.mark.parametrize("game", [BY_CONSOLE, BY_BOTH])
@pytest.mark.parametrize("said", [(), (f"[chat] bob: {UP}",), None])
async def test_what_is_not_the_game_s_own_line_is_no_sign(world: FakeProvisioner, game, said):
    world.games.game = game
    world.guests.said = said

    await finish(world)

    [failed] = world.said(evt.ServerFailed)
    assert failed.step == "ready"
    assert "port 31000" in failed.reason


async def test_a_sign_alone_is_not_enough_where_there_is_a_query(world: FakeProvisioner):
    world.games.game = BY_BOTH
    world.guests.said, world.queries.silent = (UP,), 10_000

    await finish(world)

    [failed] = world.said(evt.ServerFailed)
    assert "no answer" in failed.reason


async def test_both_together_are_enough(world: FakeProvisioner):
    world.games.game = BY_BOTH
    world.guests.said, world.queries.silent = (UP,), 3

    await finish(world)

    assert len(world.said(evt.ServerReady)) == 1


async def checked_after(world: FakeProvisioner, timings: tuple[TaskTiming, ...]) -> Stage:
    """Take the last step of a run whose playbook took so; the game's sign is long forgotten."""
    run = replace(world.run, stage=Stage.CHECKING, host_keys=("key",), timings=timings)
    world.runs.rows[SERVER] = run
    await finish(world)
    return world.run.stage


async def test_a_game_that_was_left_running_need_not_repeat_what_it_said_long_ago(
    world: FakeProvisioner,
):
    world.games.game = BY_BOTH

    assert await checked_after(world, CALM) is Stage.DONE


async def test_of_one_left_running_that_nobody_can_ask_the_first_words_count(
    world: FakeProvisioner,
):
    world.games.game = BY_CONSOLE
    world.guests.said = (UP, *("[chat] ada: hi",) * 100)

    assert await checked_after(world, CALM) is Stage.DONE


async def test_one_that_was_restarted_or_can_say_nothing_else_has_to_say_it():
    changed = (*CALM, TaskTiming(task="Restart the game", seconds=1, changed=True))
    for game, timings in ((BY_BOTH, changed), (BY_BOTH, ()), (BY_CONSOLE, CALM)):
        world = FakeProvisioner()
        await on_event(vm_ready(), work=world)
        world.games.game = game

        assert await checked_after(world, timings) is not Stage.DONE


async def test_players_are_told_the_port_for_them_not_the_one_that_is_asked(
    world: FakeProvisioner,
):
    ports = [("query", 2457, 31001), ("game", 2456, 31000)]
    endpoint: Endpoint = ENDPOINT.model_copy(
        update={
            "ports": tuple(
                PublishedPort(name=name, protocol="udp", guest_port=inner, public_port=outer)
                for name, inner, outer in ports
            )
        }
    )
    world.games.game = replace(GAME, query=Query(protocol="ping", port="query"))
    await on_event(vm_ready(operation_id="op_6", endpoint=endpoint), work=world)

    await finish(world)

    [ready] = world.said(evt.ServerReady)
    assert ready.connect == "127.0.0.9:31000"
    assert world.queries.asked == [("ping", "127.0.0.9", 31001)]


@dataclass
class EditedGames(FakeGames):
    """A catalogue that is edited while a run goes on: old settings do not fit any more."""

    world: FakeProvisioner = field(default_factory=FakeProvisioner)
    read_by: set[threading.Thread] = field(default_factory=set[threading.Thread])

    def find(self, game_id: str, settings: Mapping[str, JsonValue] | None = None) -> Game:
        self.read_by.add(threading.current_thread())
        return super().find(game_id, settings)

    def complete(self, game: Game, settings: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        if self.world.playbooks.plays:
            raise StepFailed("the setting slots does not fit")
        return super().complete(game, settings)


async def test_that_settings_fit_no_more_hides_nobody_s_silence(world: FakeProvisioner):
    world.tools = replace(world.tools, games=EditedGames(game=BY_CONSOLE, world=world))
    world.guests.said = None

    await finish(world)

    [failed] = world.said(evt.ServerFailed)
    assert "did not come up" in failed.reason
    assert failed.last_lines == ()  # nobody knows what of them is secret


async def test_folders_are_read_beside_everything_else(world: FakeProvisioner):
    games = EditedGames(game=BY_CONSOLE, world=world)
    world.tools = replace(world.tools, games=games)
    world.guests.said = (UP,)

    await finish(world)

    assert world.run.stage is Stage.DONE
    assert threading.current_thread() not in games.read_by
