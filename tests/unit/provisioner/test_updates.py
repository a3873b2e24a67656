"""An update inside the guest, and what is done there after its VM went back."""

import asyncio
from typing import Any, Final

import pytest

from common.contracts import events as evt
from common.contracts.logs import LogBatch
from common.contracts.servers import ServerSpec
from provisioner.domain.run import Stage
from provisioner.handlers import on_event
from tests.fakes.provisioner import (
    SPEC,
    FakeProvisioner,
    PowerCut,
    rollback,
    vm_ready,
)
from tests.unit.provisioner.runs import finish, once_deployed

pytestmark = pytest.mark.usefixtures("quick")

NEWER: Final = SPEC.model_copy(update={"settings": {**SPEC.settings, "version": "2"}})
LATER: Final = "op_6"


@pytest.fixture
async def world() -> FakeProvisioner:
    return await once_deployed()


def updating(**changes: Any) -> evt.VMReady:
    return vm_ready(operation_id=LATER, kind="update", spec=NEWER, **changes)


def back(**changes: Any) -> evt.VMReady:
    return vm_ready(operation_id=LATER, kind="rollback", **changes)


def wished(spec: ServerSpec | None) -> ServerSpec | None:
    """Return what was asked for, without what came of it."""
    return spec and spec.model_copy(update={"lock": None})


async def failed(world: FakeProvisioner) -> None:
    """Have an update fail in its playbook."""
    world.playbooks.fails = "no such version"
    await on_event(updating(), work=world)
    await finish(world)
    world.playbooks.fails = ""


async def test_an_update_plays_and_what_it_applied_is_known(world: FakeProvisioner):
    await on_event(updating(), work=world)
    await finish(world)

    [ready] = world.said(evt.ServerReady)
    assert ready.operation_id == LATER
    assert len(world.playbooks.plays) == 1
    assert (wished(world.run.applied), wished(world.run.former)) == (NEWER, SPEC)


async def test_after_the_way_back_nothing_is_played_and_the_game_has_to_answer(
    world: FakeProvisioner,
):
    await failed(world)
    [why] = world.said(evt.ServerFailed)
    plays = len(world.playbooks.plays)
    asked = len(world.queries.asked)

    await on_event(rollback(operation_id=LATER), work=world)
    await on_event(back(), work=world)
    await finish(world)

    [restored] = world.said(evt.ServerRestored)
    assert (restored.operation_id, restored.connect) == (LATER, "127.0.0.9:31000")
    assert not why.rollback
    assert (len(world.playbooks.plays), len(world.queries.asked)) == (plays, asked + 1)
    assert (world.run.stage, wished(world.run.applied)) == (Stage.DONE, SPEC)
    assert not world.said(evt.ServerReady)


async def test_what_is_applied_again_needs_no_playbook_at_the_next_start(world: FakeProvisioner):
    await failed(world)
    await on_event(back(), work=world)
    await finish(world)
    plays = len(world.playbooks.plays)

    await on_event(vm_ready(operation_id="op_7", kind="start"), work=world)
    await finish(world)

    assert len(world.playbooks.plays) == plays


async def test_after_the_way_back_it_is_made_of_what_it_was(world: FakeProvisioner):
    before = world.run.lock
    world.resolvers.newest = "9.9"
    await failed(world)
    assert world.run.lock != before

    await on_event(back(), work=world)
    await finish(world)

    assert world.run.lock == before


async def test_a_game_that_stays_silent_after_the_way_back_is_said_to_be_so(
    world: FakeProvisioner,
):
    await failed(world)
    world.queries.silent = 1_000_000

    await on_event(back(), work=world)
    await finish(world)

    _, silent = world.said(evt.ServerFailed)
    assert (silent.step, silent.rollback) == ("ready", True)


async def test_the_way_back_ends_the_update_and_its_playbook_that_goes_on(world: FakeProvisioner):
    world.playbooks.hangs = True
    await on_event(updating(), work=world)
    going_on = asyncio.create_task(finish(world))
    while not world.playbooks.running:
        await asyncio.sleep(0.001)

    await on_event(rollback(operation_id=LATER), work=world)
    await going_on

    assert world.playbooks.running == 0
    assert world.run.stage is Stage.CANCELLED
    assert not world.said(evt.ServerFailed)

    await on_event(back(), work=world)
    await finish(world)
    assert world.said(evt.ServerRestored)
    assert wished(world.run.applied) == SPEC


async def test_a_way_back_at_the_same_step_is_another_work(world: FakeProvisioner):
    """The update waits for SSH when its VM has gone back already, and waits for SSH, too."""
    world.guests.silent = 1_000_000
    await on_event(updating(), work=world)
    going_on = asyncio.create_task(finish(world))
    while world.guests.silent == 1_000_000:
        await asyncio.sleep(0.001)

    await on_event(back(), work=world)
    await asyncio.sleep(0.05)
    world.guests.silent = 0
    await going_on

    assert world.said(evt.ServerRestored)
    assert not world.playbooks.plays


async def test_an_update_called_off_before_it_was_heard_of_never_begins(world: FakeProvisioner):
    await on_event(rollback(operation_id=LATER), work=world)
    await on_event(updating(), work=world)
    await finish(world)
    assert (world.run.stage, world.playbooks.plays) == (Stage.CANCELLED, [])

    await on_event(back(), work=world)
    await finish(world)

    assert world.said(evt.ServerRestored)
    assert wished(world.run.applied) == SPEC


async def test_of_a_server_never_heard_of_the_way_back_leaves_a_tombstone():
    world = FakeProvisioner()

    await on_event(rollback(operation_id=LATER), work=world)
    await on_event(updating(), work=world)

    assert world.run.stage is Stage.CANCELLED


async def test_asked_again_it_is_told_again_and_what_is_late_means_nothing(
    world: FakeProvisioner,
):
    await failed(world)
    await on_event(back(), work=world)
    await finish(world)

    await on_event(back(id="evt_again"), work=world)
    await on_event(rollback(operation_id=LATER), work=world)
    await finish(world)

    assert len(world.said(evt.ServerRestored)) == 2
    assert world.run.stage is Stage.DONE


async def test_a_second_update_goes_back_to_what_the_first_one_made(world: FakeProvisioner):
    await on_event(updating(), work=world)
    await finish(world)

    await on_event(rollback(operation_id="op_7", spec=NEWER), work=world)
    await on_event(vm_ready(operation_id="op_7", kind="rollback", spec=NEWER), work=world)
    await finish(world)

    assert wished(world.run.applied) == NEWER


async def test_no_line_of_the_way_back_is_taken_for_one_of_the_update(world: FakeProvisioner):
    await failed(world)
    await on_event(back(), work=world)
    await finish(world)

    keys = [line.key for batch in world.said(LogBatch) for line in batch.lines]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("point", range(14))
async def test_cut_anywhere_it_heals(world: FakeProvisioner, point: int):
    await failed(world)
    await on_event(back(), work=world)
    world.power.left = point
    try:
        await finish(world)
    except PowerCut:
        await finish(world)
    world.power.left = None

    assert world.run.stage is Stage.DONE
    assert len(world.said(evt.ServerRestored)) == 1
