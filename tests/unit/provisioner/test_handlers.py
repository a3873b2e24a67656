"""Given what is known, when something is heard, then this is known, and this was said."""

import pytest

from common.contracts import events as evt
from provisioner.domain.run import Stage
from provisioner.handlers import on_event
from tests.fakes.provisioner import (
    OPERATION,
    SERVER,
    FakeProvisioner,
    PowerCut,
    removal,
    vm_ready,
)


@pytest.fixture
def world() -> FakeProvisioner:
    return FakeProvisioner()


def ready() -> evt.ServerReady:
    return evt.ServerReady(
        server_id=SERVER, operation_id=OPERATION, host="h", ports=(), connect="h:1"
    )


class TestOnVMReady:
    async def test_a_ready_vm_starts_a_run(self, world: FakeProvisioner):
        await on_event(vm_ready(), work=world)

        assert (world.run.stage, world.run.operation_id) == (Stage.WAITING, OPERATION)
        assert world.outbox.messages == []

    async def test_hearing_it_twice_is_hearing_it_once(self, world: FakeProvisioner):
        event = vm_ready()

        await on_event(event, work=world)
        world.runs.rows[SERVER] = world.run.settled(ready())
        await on_event(event, work=world)

        assert world.run.stage is Stage.DONE
        assert world.outbox.messages == []

    async def test_asked_again_a_settled_run_tells_its_outcome_again(self, world: FakeProvisioner):
        await on_event(vm_ready(), work=world)
        world.runs.rows[SERVER] = world.run.settled(ready())

        await on_event(vm_ready(id="evt_again"), work=world)

        [told] = world.said(evt.ServerReady)
        assert told.id != world.run.outcome.id  # type: ignore[union-attr]
        assert told.connect == "h:1"

    async def test_asked_again_an_unsettled_run_goes_on_as_it_was(self, world: FakeProvisioner):
        await on_event(vm_ready(), work=world)
        world.runs.rows[SERVER] = world.run.begun().advanced()

        await on_event(vm_ready(id="evt_again"), work=world)

        assert world.run.stage is Stage.PLAYING
        assert world.outbox.messages == []

    @pytest.mark.parametrize("point", [0, 1])
    async def test_cut_anywhere_it_heals(self, world: FakeProvisioner, point: int):
        event = vm_ready()
        world.power.left = point
        with pytest.raises(PowerCut):
            await on_event(event, work=world)

        await on_event(event, work=world)

        assert world.run.stage is Stage.WAITING

    async def test_a_failure_leaves_no_trace(self, world: FakeProvisioner):
        world.power.left = 0
        with pytest.raises(PowerCut):
            await on_event(vm_ready(), work=world)

        assert (world.runs.rows, world.inbox.claimed) == ({}, set())


class TestOnRemovalRequested:
    async def test_a_removal_cancels_the_run(self, world: FakeProvisioner):
        await on_event(vm_ready(), work=world)

        await on_event(removal(), work=world)

        assert world.run.stage is Stage.CANCELLED

    async def test_a_vm_that_is_ready_too_late_starts_nothing(self, world: FakeProvisioner):
        await on_event(removal(), work=world)
        await on_event(vm_ready(), work=world)

        assert world.run.stage is Stage.CANCELLED

    async def test_hearing_it_twice_is_hearing_it_once(self, world: FakeProvisioner):
        request = removal()

        await on_event(request, work=world)
        await on_event(vm_ready(operation_id="op_9"), work=world)
        await on_event(request, work=world)

        assert world.run.operation_id == "op_9"

    async def test_a_failure_leaves_no_trace(self, world: FakeProvisioner):
        await on_event(vm_ready(), work=world)
        world.power.left = 0
        with pytest.raises(PowerCut):
            await on_event(removal(), work=world)

        assert world.run.stage is Stage.WAITING

    async def test_cut_after_its_commit_it_is_heard_again_unharmed(self, world: FakeProvisioner):
        request = removal()
        world.power.left = 1
        with pytest.raises(PowerCut):
            await on_event(request, work=world)

        await on_event(request, work=world)

        assert world.run.stage is Stage.CANCELLED
