"""A guest that is to become a template: prepared, sealed, and asked for no game."""

from typing import Final

import pytest

from common.contracts import events as evt
from provisioner.domain.run import Stage
from provisioner.handlers import on_event
from tests.fakes.provisioner import SPEC, FakeProvisioner, vm_ready
from tests.unit.provisioner.runs import finish

pytestmark = pytest.mark.usefixtures("quick")

BAKE: Final = SPEC.model_copy(
    update={"purpose": "template", "recipe": "abc", "settings": {}, "ports": ()}
)


async def bake(world: FakeProvisioner) -> None:
    await on_event(vm_ready(spec=BAKE), work=world)
    await finish(world)


async def test_a_bake_plays_its_own_playbook_and_says_that_the_guest_is_sealed():
    world = FakeProvisioner()

    await bake(world)

    [play] = world.playbooks.plays
    [sealed] = world.said(evt.GuestSealed)
    assert play.playbook == "bake.yml"
    assert sealed.operation_id == world.run.operation_id
    assert world.run.stage is Stage.DONE
    assert not world.queries.asked
    assert not world.said(evt.ServerReady)
    steps = [step.step for step in world.said(evt.StepChanged)]
    assert list(dict.fromkeys(steps)) == ["ssh", "resolve", "playbook"]


async def test_asked_again_the_same_is_said_again_and_nothing_is_played():
    world = FakeProvisioner()
    await bake(world)

    await bake(world)

    assert len(world.playbooks.plays) == 1
    assert len(world.said(evt.GuestSealed)) == 2


async def test_a_bake_that_fails_names_the_task():
    world = FakeProvisioner()
    world.playbooks.fails = "no mirror"

    await bake(world)

    [failed] = world.said(evt.ServerFailed)
    assert "no mirror" in failed.reason
    assert not world.said(evt.GuestSealed)
