"""Given a world, when the gateway asks, then this is the world, and this was said."""

from dataclasses import replace

import pytest

from common.contracts.base import Event, now
from common.contracts.events import (
    DeploymentRequested,
    RemovalRequested,
    VMDeleted,
    VMFailed,
    VMReady,
    VMRemovalBlocked,
)
from common.contracts.servers import Endpoint
from tests.fakes.vm_service import SPEC, FakeWorld, Killed
from vm_service.domain.machine import Failure, Machine, Stage
from vm_service.handlers.requests import on_deployment_requested, on_removal_requested

OLD, OPERATION, NEW = "op_1", "op_2", "op_3"


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()


def wanted(operation: str = OPERATION) -> DeploymentRequested:
    return DeploymentRequested(server_id="srv_1", operation_id=operation, spec=SPEC, deadline=now())


def unwanted(operation: str = OPERATION) -> RemovalRequested:
    return RemovalRequested(server_id="srv_1", operation_id=operation, reason="deleted")


def die() -> None:
    raise Killed


def given(world: FakeWorld, stage: Stage, **fields) -> Machine:
    machine = Machine(
        server_id="srv_1",
        operation_id=OPERATION,
        stage=stage,
        spec=SPEC,
        deadline=now(),
        vmid=900_000,
        node="pve",
        address="10.77.0.2",
        attempt=1,
    )
    machine = replace(machine, **fields)
    world.machines["srv_1"] = machine
    return machine


class TestOnDeploymentRequested:
    async def test_a_machine_is_planned(self, world: FakeWorld):
        await on_deployment_requested(wanted(), work=world.memory)

        assert world.machines["srv_1"].stage is Stage.PLANNED
        assert world.memory.outbox.messages == []

    async def test_hearing_it_twice_is_hearing_it_once(self, world: FakeWorld):
        event = wanted()
        await on_deployment_requested(event, work=world.memory)
        given(world, Stage.FAILED, failure=Failure(step="clone", reason="no"))

        await on_deployment_requested(event, work=world.memory)

        assert world.memory.outbox.messages == []

    async def test_a_failure_leaves_no_trace(self, world: FakeWorld):
        world.memory.before_commit = die

        with pytest.raises(Killed):
            await on_deployment_requested(wanted(), work=world.memory)

        assert world.memory.inbox.claimed == set()
        assert world.machines == {}

    async def test_cut_before_the_commit_it_heals_when_delivered_again(self, world: FakeWorld):
        event = wanted()
        world.memory.before_commit = die
        with pytest.raises(Killed):
            await on_deployment_requested(event, work=world.memory)
        world.memory.before_commit = lambda: None

        await on_deployment_requested(event, work=world.memory)

        assert world.machines["srv_1"].stage is Stage.PLANNED

    async def test_asked_again_the_outcome_is_said_again(self, world: FakeWorld):
        given(world, Stage.FAILED, failure=Failure(step="clone", reason="no space"))

        await on_deployment_requested(wanted(), work=world.memory)
        await on_deployment_requested(wanted(), work=world.memory)

        said = world.memory.facts(VMFailed)
        assert [fact.reason for fact in said] == ["no space", "no space"]
        assert said[0].id != said[1].id

    async def test_a_ready_machine_is_announced_with_all_the_provisioner_needs(
        self, world: FakeWorld
    ):
        endpoint = Endpoint(address="10.77.0.2", ssh_host="h", ssh_port=22, public_host="h")
        given(world, Stage.READY, endpoint=endpoint, host_keys=("key",))

        await on_deployment_requested(wanted(), work=world.memory)

        [fact] = world.memory.facts(VMReady)
        assert (fact.vmid, fact.endpoint, fact.host_keys) == (900_000, endpoint, ("key",))

    async def test_work_under_way_is_left_alone(self, world: FakeWorld):
        machine = given(world, Stage.CLONED)

        await on_deployment_requested(wanted(), work=world.memory)

        assert world.machines["srv_1"] == machine
        assert world.memory.outbox.messages == []

    async def test_a_stale_operation_is_ignored(self, world: FakeWorld):
        machine = given(world, Stage.REMOVING)

        await on_deployment_requested(wanted(OLD), work=world.memory)

        assert world.machines["srv_1"] == machine


class TestOnRemovalRequested:
    @pytest.mark.parametrize("stage", [s for s in Stage if s not in {Stage.GONE, Stage.STOPPED}])
    async def test_a_machine_is_turned_towards_its_end_at_every_stage(
        self, world: FakeWorld, stage: Stage
    ):
        given(world, stage)

        await on_removal_requested(unwanted(NEW), work=world.memory)

        machine = world.machines["srv_1"]
        assert (machine.stage, machine.operation_id) == (Stage.REMOVING, NEW)
        assert machine.vmid == 900_000

    async def test_hearing_it_twice_is_hearing_it_once(self, world: FakeWorld):
        event = unwanted()

        await on_removal_requested(event, work=world.memory)
        await on_removal_requested(event, work=world.memory)

        assert len(world.memory.facts(VMDeleted)) == 1

    async def test_a_failure_leaves_no_trace(self, world: FakeWorld):
        given(world, Stage.READY)

        world.memory.before_commit = die

        with pytest.raises(Killed):
            await on_removal_requested(unwanted(), work=world.memory)

        assert world.memory.inbox.claimed == set()

    async def test_a_removal_that_overtakes_its_deployment_leaves_a_tombstone(
        self, world: FakeWorld
    ):
        await on_removal_requested(unwanted(OPERATION), work=world.memory)
        await on_deployment_requested(wanted(OPERATION), work=world.memory)
        await on_deployment_requested(wanted(OLD), work=world.memory)

        assert world.machines["srv_1"].stage is Stage.GONE
        assert {type(fact) for fact in world.memory.facts(Event)} == {VMDeleted}

    async def test_asked_again_a_blocked_removal_is_said_again_not_tried_again(
        self, world: FakeWorld
    ):
        given(world, Stage.BLOCKED, failure=Failure(step="destroy", reason="locked", remedy="cmd"))

        await on_removal_requested(unwanted(), work=world.memory)

        [fact] = world.memory.facts(VMRemovalBlocked)
        assert (fact.vmid, fact.reason, fact.remedy) == (900_000, "locked", "cmd")
        assert world.machines["srv_1"].stage is Stage.BLOCKED

    async def test_a_stale_removal_is_ignored(self, world: FakeWorld):
        machine = given(world, Stage.READY)

        await on_removal_requested(unwanted(OLD), work=world.memory)

        assert world.machines["srv_1"] == machine

    async def test_what_is_being_removed_goes_on_and_answers_to_the_newer_operation(
        self, world: FakeWorld
    ):
        given(world, Stage.STOPPED)

        await on_removal_requested(unwanted(NEW), work=world.memory)

        machine = world.machines["srv_1"]
        assert (machine.stage, machine.operation_id) == (Stage.STOPPED, NEW)
