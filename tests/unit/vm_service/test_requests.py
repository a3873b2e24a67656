"""Given a world, when the gateway asks, then this is the world, and this was said."""

from dataclasses import replace

import pytest

from common.contracts.base import Event, now
from common.contracts.events import (
    CancelRequested,
    ChangeRequested,
    DeploymentRequested,
    RemovalRequested,
    VMDeleted,
    VMFailed,
    VMObserved,
    VMReady,
    VMRemovalBlocked,
    VMStopped,
)
from common.contracts.requests import Change
from common.contracts.servers import Endpoint
from tests.fakes.vm_service import SPEC, FakeWorld, Killed
from vm_service.domain.machine import Failure, Machine
from vm_service.domain.program import CHANGES, PROGRAMS, Kind, Stage
from vm_service.handlers.requests import on_event

OLD, OPERATION, NEW = "op_1", "op_2", "op_3"
ASKED = sorted(CHANGES - {Kind.ROLLBACK})


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()


def wanted(operation: str = OPERATION) -> DeploymentRequested:
    return DeploymentRequested(server_id="srv_1", operation_id=operation, spec=SPEC, deadline=now())


def unwanted(operation: str = OPERATION) -> RemovalRequested:
    return RemovalRequested(server_id="srv_1", operation_id=operation, reason="deleted")


def die() -> None:
    raise Killed


def changed(kind: Change = "start", operation: str = NEW, **fields) -> ChangeRequested:
    return ChangeRequested(
        server_id="srv_1",
        operation_id=operation,
        kind=kind,
        spec=SPEC.model_copy(update={"name": "renamed"}),
        deadline=now(),
        **fields,
    )


def called_off(operation: str = OPERATION) -> CancelRequested:
    return CancelRequested(server_id="srv_1", operation_id=operation)


def given(world: FakeWorld, kind: Kind, step: str | Stage, **fields) -> Machine:
    settled = isinstance(step, Stage)
    machine = Machine(
        server_id="srv_1",
        operation_id=OPERATION,
        kind=kind,
        stage=step if settled else Stage.WORKING,
        step=None if settled else step,
        made_by=OLD,
        spec=SPEC,
        deadline=now(),
        vmid=900_000,
        node="pve",
        address="10.77.0.2",
        owned=True,
        attempt=1,
    )
    machine = replace(machine, **fields)
    world.machines["srv_1"] = machine
    return machine


def world_at(kind: Kind, step: str | Stage) -> tuple[FakeWorld, Machine]:
    world = FakeWorld()
    return world, given(world, kind, step)


SETTLED = [
    (Kind.DEPLOY, Stage.READY),
    (Kind.DEPLOY, Stage.FAILED),
    (Kind.STOP, Stage.OFF),
    (Kind.START, Stage.FAILED),
    (Kind.OBSERVE, Stage.OBSERVED),
]
UNDER_WAY = [
    (kind, step) for kind, way in PROGRAMS.items() for step in way.steps if kind is not Kind.REMOVE
]


class TestOnDeploymentRequested:
    async def test_a_machine_is_planned(self, world: FakeWorld):
        await on_event(wanted(), work=world.memory)

        assert world.machines["srv_1"].step == "reserve"
        assert world.memory.outbox.messages == []

    async def test_hearing_it_twice_is_hearing_it_once(self, world: FakeWorld):
        event = wanted()
        await on_event(event, work=world.memory)
        given(world, Kind.DEPLOY, Stage.FAILED, failure=Failure(step="clone", reason="no"))

        await on_event(event, work=world.memory)

        assert world.memory.outbox.messages == []

    async def test_a_failure_leaves_no_trace(self, world: FakeWorld):
        world.memory.before_commit = die

        with pytest.raises(Killed):
            await on_event(wanted(), work=world.memory)

        assert world.memory.inbox.claimed == set()
        assert world.machines == {}

    async def test_cut_before_the_commit_it_heals_when_delivered_again(self, world: FakeWorld):
        event = wanted()
        world.memory.before_commit = die
        with pytest.raises(Killed):
            await on_event(event, work=world.memory)
        world.memory.before_commit = lambda: None

        await on_event(event, work=world.memory)

        assert world.machines["srv_1"].step == "reserve"

    async def test_asked_again_the_outcome_is_said_again(self, world: FakeWorld):
        given(world, Kind.DEPLOY, Stage.FAILED, failure=Failure(step="clone", reason="no space"))

        await on_event(wanted(), work=world.memory)
        await on_event(wanted(), work=world.memory)

        said = world.memory.facts(VMFailed)
        assert [fact.reason for fact in said] == ["no space", "no space"]
        assert said[0].id != said[1].id

    async def test_a_ready_machine_is_announced_with_all_the_provisioner_needs(
        self, world: FakeWorld
    ):
        endpoint = Endpoint(address="10.77.0.2", ssh_host="h", ssh_port=22, public_host="h")
        given(world, Kind.DEPLOY, Stage.READY, endpoint=endpoint, host_keys=("key",))

        await on_event(wanted(), work=world.memory)

        [fact] = world.memory.facts(VMReady)
        assert (fact.vmid, fact.endpoint, fact.host_keys) == (900_000, endpoint, ("key",))

    async def test_work_under_way_is_left_alone(self, world: FakeWorld):
        machine = given(world, Kind.DEPLOY, "configure")

        await on_event(wanted(), work=world.memory)

        assert world.machines["srv_1"] == machine
        assert world.memory.outbox.messages == []

    async def test_a_stale_operation_is_ignored(self, world: FakeWorld):
        machine = given(world, Kind.REMOVE, "stop")

        await on_event(wanted(OLD), work=world.memory)

        assert world.machines["srv_1"] == machine


class TestOnRemovalRequested:
    @pytest.mark.parametrize(("kind", "step"), [*SETTLED, *UNDER_WAY, (Kind.REMOVE, Stage.BLOCKED)])
    async def test_a_machine_is_turned_towards_its_end_whatever_it_does(
        self, kind: Kind, step: str | Stage
    ):
        world, _ = world_at(kind, step)

        await on_event(unwanted(NEW), work=world.memory)

        machine = world.machines["srv_1"]
        assert (machine.kind, machine.step, machine.operation_id) == (Kind.REMOVE, "stop", NEW)
        assert machine.vmid == 900_000

    async def test_hearing_it_twice_is_hearing_it_once(self, world: FakeWorld):
        event = unwanted()

        await on_event(event, work=world.memory)
        await on_event(event, work=world.memory)

        assert len(world.memory.facts(VMDeleted)) == 1

    async def test_a_failure_leaves_no_trace(self, world: FakeWorld):
        given(world, Kind.DEPLOY, Stage.READY)

        world.memory.before_commit = die

        with pytest.raises(Killed):
            await on_event(unwanted(), work=world.memory)

        assert world.memory.inbox.claimed == set()

    async def test_a_removal_that_overtakes_its_deployment_leaves_a_tombstone(
        self, world: FakeWorld
    ):
        await on_event(unwanted(OPERATION), work=world.memory)
        await on_event(wanted(OPERATION), work=world.memory)
        await on_event(wanted(OLD), work=world.memory)

        assert world.machines["srv_1"].stage is Stage.GONE
        assert {type(fact) for fact in world.memory.facts(Event)} == {VMDeleted}

    async def test_asked_again_a_blocked_removal_is_said_again_not_tried_again(
        self, world: FakeWorld
    ):
        given(
            world,
            Kind.REMOVE,
            Stage.BLOCKED,
            failure=Failure(step="destroy", reason="locked", remedy="cmd"),
        )

        await on_event(unwanted(), work=world.memory)

        [fact] = world.memory.facts(VMRemovalBlocked)
        assert (fact.vmid, fact.reason, fact.remedy) == (900_000, "locked", "cmd")
        assert world.machines["srv_1"].stage is Stage.BLOCKED

    async def test_a_stale_removal_is_ignored(self, world: FakeWorld):
        machine = given(world, Kind.DEPLOY, Stage.READY)

        await on_event(unwanted(OLD), work=world.memory)

        assert world.machines["srv_1"] == machine

    async def test_what_is_being_removed_goes_on_and_answers_to_the_newer_operation(
        self, world: FakeWorld
    ):
        given(world, Kind.REMOVE, "destroy")

        await on_event(unwanted(NEW), work=world.memory)

        machine = world.machines["srv_1"]
        assert (machine.step, machine.operation_id) == ("destroy", NEW)


class TestOnChangeRequested:
    @pytest.mark.parametrize("kind", ASKED)
    @pytest.mark.parametrize(("was", "step"), [*SETTLED, *UNDER_WAY])
    async def test_a_newer_change_takes_over_from_whatever_goes_on(
        self, was: Kind, step: str | Stage, kind
    ):
        world, before = world_at(was, step)

        await on_event(changed(kind), work=world.memory)

        machine = world.machines["srv_1"]
        assert (machine.kind, machine.step) == (kind, PROGRAMS[kind].steps[0])
        assert (machine.operation_id, machine.made_by) == (NEW, before.made_by)
        assert (machine.vmid, machine.attempt, machine.wanted.name) == (900_000, 0, "renamed")
        assert world.memory.outbox.messages == []

    async def test_hearing_it_twice_is_hearing_it_once(self, world: FakeWorld):
        given(world, Kind.DEPLOY, Stage.READY)
        event = changed()
        await on_event(event, work=world.memory)
        given(world, Kind.START, Stage.FAILED, operation_id=NEW)

        await on_event(event, work=world.memory)

        assert world.memory.outbox.messages == []

    async def test_a_failure_leaves_no_trace_and_heals_when_delivered_again(self, world: FakeWorld):
        before, event = given(world, Kind.DEPLOY, Stage.READY), changed()
        world.memory.before_commit = die
        with pytest.raises(Killed):
            await on_event(event, work=world.memory)
        assert world.machines["srv_1"] == before
        world.memory.before_commit = lambda: None

        await on_event(event, work=world.memory)

        assert world.machines["srv_1"].step == "start"

    async def test_asked_again_the_outcome_is_said_again(self, world: FakeWorld):
        given(world, Kind.STOP, Stage.OFF)

        await on_event(changed("stop", OPERATION), work=world.memory)
        await on_event(changed("stop", OPERATION), work=world.memory)

        assert [(f.vmid, f.node) for f in world.memory.facts(VMStopped)] == [(900_000, "pve")] * 2

    @pytest.mark.parametrize("kind", ["start", "restart", "resize", "reconfigure"])
    async def test_a_machine_that_is_ready_says_what_made_it_so(self, world: FakeWorld, kind):
        endpoint = Endpoint(address="10.77.0.2", ssh_host="h", ssh_port=22, public_host="h")
        given(world, Kind(kind), Stage.READY, endpoint=endpoint)

        await on_event(changed(kind, OPERATION), work=world.memory)

        assert [fact.kind for fact in world.memory.facts(VMReady)] == [kind]

    async def test_work_under_way_is_left_alone(self, world: FakeWorld):
        machine = given(world, Kind.STOP, "shutdown")

        await on_event(changed("stop", OPERATION), work=world.memory)

        assert world.machines["srv_1"] == machine
        assert world.memory.outbox.messages == []

    @pytest.mark.parametrize(("was", "step"), [*SETTLED, *UNDER_WAY])
    async def test_an_older_one_never_comes_back(self, was: Kind, step: str | Stage):
        world, machine = world_at(was, step)

        await on_event(changed("start", OLD), work=world.memory)

        assert world.machines["srv_1"] == machine
        assert world.memory.outbox.messages == []

    @pytest.mark.parametrize("step", ["stop", "destroy", Stage.BLOCKED, Stage.GONE])
    async def test_what_is_being_removed_is_never_turned_back(
        self, world: FakeWorld, step: str | Stage
    ):
        machine = given(world, Kind.REMOVE, step)

        await on_event(changed("start"), work=world.memory)

        assert world.machines["srv_1"] == machine
        [fact] = world.memory.facts(VMFailed)
        assert (fact.operation_id, fact.step, fact.power) == (NEW, "start", "unknown")
        assert "deploy it again" in (fact.remedy or "")

    async def test_a_server_nobody_knows_cannot_be_changed(self, world: FakeWorld):
        await on_event(changed("resize"), work=world.memory)

        assert world.machines == {}
        assert [fact.step for fact in world.memory.facts(VMFailed)] == ["configure"]

    async def test_the_task_of_the_work_taken_over_from_is_not_forgotten(self, world: FakeWorld):
        given(world, Kind.STOP, "shutdown", task="UPID:1")

        await on_event(changed("kill"), work=world.memory)

        machine = world.machines["srv_1"]
        assert (machine.task, machine.leftover) == (None, "UPID:1")


class TestOnCancelRequested:
    @pytest.mark.parametrize("kind", ASKED)
    async def test_a_change_is_let_go_of_and_its_machine_looked_at(
        self, world: FakeWorld, kind: Kind
    ):
        given(world, kind, PROGRAMS[kind].steps[0])

        await on_event(called_off(), work=world.memory)

        machine = world.machines["srv_1"]
        assert (machine.kind, machine.step, machine.attempt) == (Kind.OBSERVE, "observe", 0)

    async def test_so_is_one_that_has_ended_here_already(self, world: FakeWorld):
        given(world, Kind.RESTART, Stage.READY)

        await on_event(called_off(), work=world.memory)

        assert world.machines["srv_1"].step == "observe"

    async def test_asked_again_it_is_answered_again(self, world: FakeWorld):
        given(world, Kind.OBSERVE, Stage.OBSERVED, power="running")

        await on_event(called_off(), work=world.memory)
        await on_event(called_off(), work=world.memory)

        assert [fact.power for fact in world.memory.facts(VMObserved)] == ["running"] * 2

    async def test_hearing_it_twice_is_hearing_it_once(self, world: FakeWorld):
        given(world, Kind.OBSERVE, Stage.OBSERVED, power="running")
        event = called_off()

        await on_event(event, work=world.memory)
        await on_event(event, work=world.memory)

        assert len(world.memory.facts(VMObserved)) == 1

    async def test_a_failure_leaves_no_trace(self, world: FakeWorld):
        before = given(world, Kind.STOP, "shutdown")
        world.memory.before_commit = die

        with pytest.raises(Killed):
            await on_event(called_off(), work=world.memory)

        assert world.machines["srv_1"] == before
        assert world.memory.inbox.claimed == set()

    async def test_one_that_overtakes_its_change_keeps_it_from_ever_beginning(
        self, world: FakeWorld
    ):
        given(world, Kind.DEPLOY, Stage.READY)

        await on_event(called_off(NEW), work=world.memory)
        await on_event(changed("stop", NEW), work=world.memory)

        machine = world.machines["srv_1"]
        assert (machine.kind, machine.operation_id) == (Kind.OBSERVE, NEW)

    @pytest.mark.parametrize(
        ("kind", "step", "operation"),
        [
            (Kind.KILL, "stop", OLD),
            (Kind.DEPLOY, "clone", OPERATION),
            (Kind.REMOVE, "destroy", NEW),
            (Kind.REMOVE, Stage.BLOCKED, NEW),
        ],
    )
    async def test_nothing_else_is_let_go_of(self, kind: Kind, step: str | Stage, operation: str):
        world, machine = world_at(kind, step)

        await on_event(called_off(operation), work=world.memory)

        assert world.machines["srv_1"] == machine
        assert world.memory.outbox.messages == []

    async def test_of_a_server_without_vm_nothing_is_known(self, world: FakeWorld):
        await on_event(called_off(), work=world.memory)

        assert [fact.power for fact in world.memory.facts(VMObserved)] == ["unknown"]
        assert world.machines == {}
