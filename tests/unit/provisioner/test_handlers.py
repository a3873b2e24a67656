"""Given what is known, when something is heard, then this is known, and this was said."""

from dataclasses import replace

import pytest

from common.contracts import events as evt
from common.contracts.logs import LogBatch
from provisioner.domain.run import Run, Stage
from provisioner.handlers import on_event
from tests.fakes.provisioner import (
    OPERATION,
    SERVER,
    SPEC,
    FakeProvisioner,
    PowerCut,
    cancel,
    removal,
    vm_ready,
)


@pytest.fixture
def world() -> FakeProvisioner:
    return FakeProvisioner()


OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA"


def finished(run: Run) -> Run:
    """Return the run at its good end."""
    for _ in ("ssh", "resolve", "playbook"):
        run = run.begun().advanced()
    return run.begun().settled(ready())


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

        assert world.run.stage is Stage.RESOLVING
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

    @pytest.mark.parametrize("kind", ["start", "restart", "resize", "reconfigure"])
    async def test_a_newer_operation_starts_a_run_that_knows_the_guest(
        self, world: FakeProvisioner, kind: str
    ):
        await on_event(vm_ready(), work=world)
        world.runs.rows[SERVER] = finished(world.run)

        await on_event(vm_ready(operation_id="op_6", kind=kind), work=world)

        assert (world.run.stage, world.run.operation_id) == (Stage.WAITING, "op_6")
        assert (world.run.applied, world.run.unfinished) == (SPEC, False)

    async def test_a_vm_that_is_deployed_anew_has_nothing_applied(self, world: FakeProvisioner):
        await on_event(vm_ready(), work=world)
        world.runs.rows[SERVER] = finished(world.run)

        await on_event(vm_ready(operation_id="op_6", host_keys=(OTHER_KEY,)), work=world)

        assert (world.run.applied, world.run.host_keys) == (None, (OTHER_KEY,))
        assert world.outbox.messages == []

    async def test_keys_pinned_at_first_use_are_kept_for_the_runs_to_come(
        self, world: FakeProvisioner
    ):
        first_use = {"host_keys": (), "host_key_policy": "tofu"}
        await on_event(vm_ready(**first_use), work=world)
        world.runs.rows[SERVER] = replace(finished(world.run), host_keys=(OTHER_KEY,))

        await on_event(vm_ready(operation_id="op_6", kind="start", **first_use), work=world)

        assert world.run.host_keys == (OTHER_KEY,)

    async def test_new_keys_that_the_agent_vouches_for_are_trusted_and_that_is_said(
        self, world: FakeProvisioner
    ):
        await on_event(vm_ready(), work=world)
        world.runs.rows[SERVER] = finished(world.run)

        await on_event(
            vm_ready(operation_id="op_6", kind="start", host_keys=(OTHER_KEY,)), work=world
        )

        assert world.run.host_keys == (OTHER_KEY,)
        [warning] = world.said(LogBatch)
        assert (warning.stream_id, warning.lines[0].level) == ("op_6", "warning")


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

    async def test_nothing_is_known_of_a_guest_that_is_gone(self, world: FakeProvisioner):
        await on_event(vm_ready(), work=world)
        world.runs.rows[SERVER] = finished(world.run)

        await on_event(removal(operation_id="op_6"), work=world)

        assert (world.run.applied, world.run.host_keys) == (None, ())


class TestOnCancelRequested:
    async def test_the_run_of_this_operation_is_cancelled_and_nothing_is_announced(
        self, world: FakeProvisioner
    ):
        await on_event(vm_ready(), work=world)

        await on_event(cancel(), work=world)

        assert world.run.stage is Stage.CANCELLED
        assert world.outbox.messages == []

    async def test_what_is_known_of_the_guest_stays(self, world: FakeProvisioner):
        await on_event(vm_ready(), work=world)
        world.runs.rows[SERVER] = finished(world.run)
        await on_event(vm_ready(operation_id="op_6", kind="start"), work=world)

        await on_event(cancel(operation_id="op_6"), work=world)
        await on_event(vm_ready(operation_id="op_7", kind="start"), work=world)

        assert (world.run.stage, world.run.applied) == (Stage.WAITING, SPEC)

    @pytest.mark.parametrize("of", ["op_4", "op_3"])
    async def test_that_of_an_older_operation_changes_nothing(
        self, world: FakeProvisioner, of: str
    ):
        await on_event(vm_ready(), work=world)

        await on_event(cancel(operation_id=of), work=world)

        assert (world.run.stage, world.run.operation_id) == (Stage.WAITING, OPERATION)

    async def test_a_vm_that_is_ready_after_its_cancellation_starts_nothing(
        self, world: FakeProvisioner
    ):
        await on_event(cancel(), work=world)
        await on_event(vm_ready(kind="start"), work=world)

        assert world.run.stage is Stage.CANCELLED
        assert world.outbox.messages == []

    async def test_the_operation_after_it_starts_a_run_as_usual(self, world: FakeProvisioner):
        await on_event(cancel(), work=world)
        await on_event(vm_ready(operation_id="op_6", kind="start"), work=world)

        assert (world.run.stage, world.run.operation_id) == (Stage.WAITING, "op_6")

    async def test_hearing_it_twice_is_hearing_it_once(self, world: FakeProvisioner):
        request = cancel()

        await on_event(request, work=world)
        await on_event(vm_ready(operation_id="op_9"), work=world)
        await on_event(request, work=world)

        assert (world.run.stage, world.run.operation_id) == (Stage.WAITING, "op_9")

    async def test_a_failure_leaves_no_trace(self, world: FakeProvisioner):
        await on_event(vm_ready(), work=world)
        claimed = set(world.inbox.claimed)
        world.power.left = 0
        with pytest.raises(PowerCut):
            await on_event(cancel(), work=world)

        assert (world.run.stage, world.inbox.claimed) == (Stage.WAITING, claimed)

    @pytest.mark.parametrize("point", [0, 1])
    async def test_cut_anywhere_it_heals(self, world: FakeProvisioner, point: int):
        await on_event(vm_ready(), work=world)
        request = cancel()
        world.power.left = point
        with pytest.raises(PowerCut):
            await on_event(request, work=world)

        await on_event(request, work=world)

        assert world.run.stage is Stage.CANCELLED
