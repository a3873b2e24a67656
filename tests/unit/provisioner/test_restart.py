"""A game is restarted for changed settings only if one of them takes it; if in doubt, it is."""

from dataclasses import replace
from typing import Any

import pytest

from common.contracts.servers import ServerSpec
from provisioner.domain.restart import takes_restart
from provisioner.handlers import on_event
from tests.fakes.provisioner import GAME, SPEC, FakeProvisioner, PowerCut, a_lock, vm_ready
from tests.unit.provisioner.runs import finish, once_deployed

BEFORE = SPEC.model_copy(
    update={"settings": {"motd": "Hi", "seed": 1, "password": "sealed:a"}, "lock": a_lock()}
)
QUIET = frozenset({"motd", "password"})


def after(**settings: Any) -> ServerSpec:
    return BEFORE.model_copy(update={"settings": {**BEFORE.settings, **settings}})


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"motd": "New"}, False),
        ({"motd": "New", "password": "sealed:b"}, False),
        ({"seed": 2}, True),
        ({"seed": 2, "motd": "New"}, True),
        ({"unheard": 1}, True),
        ({}, True),  # so a file that differs was changed by somebody else
    ],
)
def test_only_what_changed_counts(settings: dict[str, Any], expected: bool):
    assert takes_restart(BEFORE, after(**settings), quiet=QUIET) is expected


@pytest.mark.parametrize(
    "more",
    [
        {"game_version": "9.9.9"},
        {"plan": SPEC.plan.model_copy(update={"memory_mib": 9999})},
        {"ports": ()},
        {"lock": None},
    ],
)
def test_whatever_else_is_another_takes_it(more: dict[str, Any]):
    changed = after(motd="New").model_copy(update=more)

    assert takes_restart(BEFORE, changed, quiet=QUIET)
    assert not takes_restart(BEFORE, after(motd="New"), quiet=QUIET)


def test_a_new_name_takes_none():
    assert not takes_restart(
        BEFORE, after(motd="New").model_copy(update={"name": "other"}), quiet=QUIET
    )


def test_where_nobody_knows_what_was_applied_it_is_taken():
    assert takes_restart(None, after(motd="New"), quiet=QUIET)


async def reconfigured(
    world: FakeProvisioner, operation: str, *, played: str = "", **settings: Any
) -> None:
    """Have the server asked for with these settings, and what it was last made of."""
    world.games.game = replace(GAME, quiet=frozenset({"motd"}), played=played)
    spec = SPEC.model_copy(update={"settings": {**SPEC.settings, **settings}})
    spec = spec.model_copy(update={"lock": world.run.lock})
    await on_event(vm_ready(operation_id=operation, kind="reconfigure", spec=spec), work=world)
    await finish(world)


def told(world: FakeProvisioner) -> tuple[Any, Any]:
    play = world.playbooks.plays[-1]
    return play.variables["restart"], play.tags == ("again",)


async def test_the_playbook_is_told_what_the_changed_settings_take():
    world = await once_deployed()

    await reconfigured(world, "op_6", motd="New")
    assert told(world) == (False, False)

    await reconfigured(world, "op_7", motd="Newer", slots=9)
    assert told(world) == (True, False)

    await reconfigured(world, "op_8", motd="Newest", slots=9)
    assert told(world) == (False, False)


async def test_a_playbook_that_is_another_by_now_restarts_whatever_it_writes():
    world = await once_deployed()
    await reconfigured(world, "op_6", motd="New")
    assert told(world) == (False, False)

    await reconfigured(world, "op_7", played="upgraded", motd="Newer")
    assert told(world) == (True, False)

    await reconfigured(world, "op_8", played="upgraded", motd="Newest")
    assert told(world) == (False, False)


async def test_after_the_way_back_nobody_knows_which_playbook_wrote_what_is_there():
    world = await once_deployed()
    assert world.run.played is not None

    await on_event(vm_ready(operation_id="op_6", kind="rollback"), work=world)

    assert world.run.played is None


async def test_a_playbook_that_was_cut_restarts_whatever_it_may_have_written():
    world = await once_deployed()
    steps = 0
    while not world.playbooks.plays:
        world = await once_deployed()
        steps += 1
        world.power.left = steps
        with pytest.raises(PowerCut):
            await reconfigured(world, "op_6", motd="New")
    assert told(world) == (False, False)

    await finish(world)

    assert len(world.playbooks.plays) == 2
    assert told(world) == (True, True)


async def test_what_another_operation_left_half_done_is_restarted_by_the_next():
    world = await once_deployed()
    world.playbooks.fails = "no"
    await reconfigured(world, "op_6", slots=9)
    world.playbooks.fails = ""

    await reconfigured(world, "op_7", slots=9, motd="New")

    assert told(world) == (True, True)


@pytest.mark.parametrize(
    ("kind", "packages", "expected"),
    [
        ("deploy", {}, True),
        ("update", {}, True),
        ("reconfigure", {}, False),
        ("start", {}, False),
        ("deploy", {"pong-server": "1.2"}, False),
    ],
)
async def test_the_newest_packages_are_for_who_asks_for_them(
    kind: Any, packages: dict[str, str], expected: bool
):
    world = await once_deployed()
    lock = a_lock().model_copy(update={"packages": packages})
    spec = SPEC.model_copy(update={"lock": lock, "settings": {"motd": "New"}})

    await on_event(vm_ready(operation_id="op_6", kind=kind, spec=spec), work=world)
    await finish(world)

    assert world.playbooks.plays[-1].variables["renew"] is expected
