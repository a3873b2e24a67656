"""A machine that lives is changed: whatever happens, it stands as asked in the end."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from common.contracts.events import (
    CancelRequested,
    ChangeRequested,
    RemovalRequested,
    StepChanged,
    VMDeleted,
    VMFailed,
    VMObserved,
    VMReady,
    VMStopped,
)
from common.contracts.hypervisor import Assignment
from common.contracts.requests import Change
from common.contracts.servers import ServerSpec
from tests.fakes.vm_service import GIB, HOST_KEY, NETWORK, SPEC, START, FakeVM, FakeWorld, Killed
from vm_service.domain.machine import planned
from vm_service.domain.program import Kind, Stage
from vm_service.domain.trouble import Trouble, Verdict
from vm_service.handlers.requests import on_event
from vm_service.handlers.worker import work_on_machine

FIRST = 900_000
LATER = START + timedelta(days=1)
BIGGER = SPEC.model_copy(update={"plan": SPEC.plan.model_copy(update={"cores": 4, "disk_gib": 16})})
OTHER_KEY = f"{HOST_KEY[:-1]}g"
LAN = NETWORK.model_copy(update={"mode": "dhcp"})
ALL = ["start", "stop", "restart", "kill", "resize", "reconfigure"]
LOCKED = f"can't lock file '/var/lock/qemu-server/lock-{FIRST}.conf' - got timeout"


async def run(world: FakeWorld, server: str = "srv_1") -> None:
    await work_on_machine(server, work=world.memory, tools=world.tools)


async def ask(
    world: FakeWorld,
    kind: Change,
    *,
    operation: str = "op_2",
    spec: ServerSpec = SPEC,
    deadline=LATER,
    force: bool = False,
) -> None:
    event = ChangeRequested(
        server_id="srv_1",
        operation_id=operation,
        kind=kind,
        spec=spec,
        deadline=deadline,
        force=force,
    )
    await on_event(event, work=world.memory)


async def call_off(world: FakeWorld, operation: str = "op_2") -> None:
    await on_event(CancelRequested(server_id="srv_1", operation_id=operation), work=world.memory)


def vm_of(world: FakeWorld) -> FakeVM:
    return world.hypervisor.vms[FIRST]


def stage(world: FakeWorld) -> Stage:
    return world.machines["srv_1"].stage


def steps_of(world: FakeWorld) -> list[str]:
    return [f.step for f in world.memory.facts(StepChanged) if f.state == "succeeded"]


def runs_since_boot(world: FakeWorld) -> float:
    return world.time.clock() - vm_of(world).booted


class TestAfterARebootOfTheNode:
    @pytest.mark.parametrize("kind", ["stop", "kill"])
    async def test_what_its_owner_switched_off_stays_off_until_it_is_started(
        self, world: FakeWorld, kind: Change
    ):
        assert vm_of(world).onboot
        await ask(world, kind)
        await run(world)
        assert not vm_of(world).onboot

        await ask(world, "reconfigure", operation="op_3")
        await run(world)
        assert not vm_of(world).onboot

        await ask(world, "start", operation="op_4")
        await run(world)
        assert vm_of(world).onboot

    @pytest.mark.parametrize("kind", ["start", "restart", "resize", "reconfigure"])
    async def test_what_is_so_already_costs_no_call(self, world: FakeWorld, kind: Change):
        await ask(world, kind)

        await run(world)

        assert "set_onboot" not in world.hypervisor.calls


class TestAnAddressByDHCP:
    @pytest.mark.parametrize("kind", ["stop", "kill"])
    async def test_it_is_free_for_others_while_its_guest_is_off_and_claimed_again_at_a_start(
        self, kind: Change
    ):
        world = FakeWorld()
        world.memory.machines.network = LAN
        for server in ("srv_1", "srv_2"):
            world.machines[server] = planned(
                server_id=server, operation_id="op_1", spec=SPEC, deadline=LATER
            )
        await run(world)
        leased = world.machines["srv_1"].address
        await ask(world, kind)
        await run(world)
        assert world.machines["srv_1"].address is None

        await run(world, "srv_2")
        assert world.machines["srv_2"].address == leased

        vm_of(world).address = "10.77.9.10"  # the lease is another's, so it is given another
        await ask(world, "start", operation="op_3")
        await run(world)
        assert world.machines["srv_1"].address == "10.77.9.10"
        assert world.memory.facts(VMReady)[-1].endpoint.address == "10.77.9.10"

    async def test_it_stays_claimed_while_its_guest_runs(self, world: FakeWorld):
        world.machines["srv_1"] = replace(
            world.machines["srv_1"], net=Assignment(network=LAN), address="10.77.9.9"
        )
        vm_of(world).address = "10.77.9.9"

        await ask(world, "restart")
        await call_off(world)
        await run(world)

        assert world.machines["srv_1"].address == "10.77.9.9"

    async def test_one_that_was_given_out_stays_with_its_server(self, world: FakeWorld):
        given = world.machines["srv_1"].address

        await ask(world, "stop")
        await run(world)

        assert given is not None
        assert world.machines["srv_1"].address == given


class TestTheHostKey:
    """A guest that was renamed makes a new one as it boots, maybe after its agent has woken."""

    @pytest.mark.parametrize("kind", ["start", "restart", "resize"])
    async def test_the_former_one_is_not_believed_while_the_guest_may_make_another(
        self, world: FakeWorld, kind: Change
    ):
        world.hypervisor.set_up = False

        def make_another(seconds: float) -> None:
            if seconds > 80:
                world.hypervisor.host_key, world.hypervisor.set_up = OTHER_KEY, True

        world.time.on_sleep = make_another
        await ask(world, kind)

        await run(world)

        assert world.memory.facts(VMReady)[-1].host_keys == (OTHER_KEY,)

    @pytest.mark.parametrize("is_set_up", [True, None])
    async def test_that_of_a_guest_that_says_so_or_never_says_it_is_believed_at_once(
        self, world: FakeWorld, is_set_up: bool | None
    ):
        world.hypervisor.set_up = is_set_up
        await ask(world, "restart")

        await run(world)

        assert world.memory.facts(VMReady)[-1].host_keys == (HOST_KEY,)
        assert world.time.seconds - 60 < 30

    async def test_a_new_one_is_believed_at_once(self, world: FakeWorld):
        world.hypervisor.host_key, world.hypervisor.set_up = OTHER_KEY, False
        await ask(world, "restart")

        await run(world)

        assert world.memory.facts(VMReady)[-1].host_keys == (OTHER_KEY,)

    async def test_a_guest_that_never_ends_its_setup_is_left_to_prove_itself(
        self, world: FakeWorld
    ):
        world.hypervisor.set_up = False
        await ask(world, "restart")

        await run(world)

        assert world.memory.facts(VMReady)[-1].host_keys == (HOST_KEY,)
        assert 60 < world.time.seconds - 60 < 120


class TestStop:
    async def test_the_guest_is_asked_and_obeys(self, world: FakeWorld):
        await ask(world, "stop")

        await run(world)

        assert not vm_of(world).running
        assert "stop" not in world.hypervisor.calls
        [fact] = world.memory.facts(VMStopped)
        assert (fact.vmid, fact.node, fact.operation_id) == (FIRST, "pve", "op_2")

    async def test_a_guest_that_does_not_listen_has_its_power_cut_and_that_is_told(
        self, world: FakeWorld
    ):
        vm_of(world).listens = False
        await ask(world, "stop")

        await run(world)

        assert not vm_of(world).running
        assert stage(world) is Stage.OFF
        assert any("cutting its power" in line for line in world.memory.lines())

    async def test_one_that_is_paused_cannot_obey(self, world: FakeWorld):
        vm_of(world).paused = True
        await ask(world, "stop")

        await run(world)

        assert stage(world) is Stage.OFF

    async def test_a_shutdown_that_outlives_its_time_is_ended(self, world: FakeWorld):
        world.hypervisor.guest_polls = 10_000
        await ask(world, "stop")

        await run(world)

        assert stage(world) is Stage.OFF
        assert "abort" in world.hypervisor.calls
        assert 120 < world.time.seconds - 60 < 200

    async def test_one_that_is_off_already_is_as_good(self, world: FakeWorld):
        vm_of(world).running = False
        await ask(world, "stop")

        await run(world)

        assert "shutdown" not in world.hypervisor.calls
        assert stage(world) is Stage.OFF

    async def test_a_kill_takes_over_from_a_shutdown_that_hangs_within_a_second(
        self, world: FakeWorld
    ):
        world.hypervisor.guest_polls = 10_000
        await ask(world, "stop")
        asked_at = []

        async def kill() -> None:
            await ask(world, "kill", operation="op_3")

        def on_sleep(seconds: float) -> None:
            if seconds > 80 and not asked_at:
                asked_at.append(seconds)
                with pytest.raises(StopIteration):
                    kill().send(None)

        world.time.on_sleep = on_sleep

        await run(world)

        [fact] = world.memory.facts(VMStopped)
        assert fact.operation_id == "op_3"
        assert world.time.seconds - asked_at[0] < 2.5
        assert "abort" in world.hypervisor.calls

    async def test_a_kill_does_not_wait_until_a_guests_agent_has_had_its_turn(
        self, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
    ):
        waits = asyncio.Event()

        async def in_line(_node: str, _vmid: int) -> list[str]:
            waits.set()
            return await asyncio.Event().wait() and []

        monkeypatch.setattr(world.hypervisor, "guest_addresses", in_line)
        await ask(world, "restart")
        working = asyncio.create_task(run(world))
        await waits.wait()

        await ask(world, "kill", operation="op_3")
        world.time.seconds += 5
        await working

        [fact] = world.memory.facts(VMStopped)
        assert fact.operation_id == "op_3"

    async def test_a_task_that_may_not_be_stopped_keeps_no_kill_from_its_work(
        self, world: FakeWorld
    ):
        world.machines["srv_1"] = replace(
            world.machines["srv_1"],
            leftover=world.hypervisor._new_task("qmshutdown", FIRST, polls=10_000),
        )

        def deny(name: str) -> None:
            if name == "abort":
                raise Trouble(Verdict.DENIED, "Permission check failed (/nodes/pve, Sys.Modify)")

        world.hypervisor.before = deny
        await ask(world, "kill")

        await run(world)

        assert stage(world) is Stage.OFF

    async def test_a_task_that_does_not_hear_that_it_is_stopped_keeps_no_kill_from_its_work(
        self, world: FakeWorld
    ):
        world.machines["srv_1"] = replace(
            world.machines["srv_1"],
            leftover=world.hypervisor._new_task("qmshutdown", FIRST, polls=10_000),
        )
        began = world.time.now()

        async def unheard(upid: str) -> None: ...

        world.hypervisor.abort = unheard
        await ask(world, "kill")

        await run(world)

        assert stage(world) is Stage.OFF
        assert world.time.now() - began < timedelta(minutes=2)


class TestStart:
    async def test_a_machine_that_is_off_runs_and_is_reached_again(self, world: FakeWorld):
        vm_of(world).running = False
        await ask(world, "start")

        await run(world)

        [fact] = world.memory.facts(VMReady)
        assert (fact.kind, fact.operation_id, fact.deadline) == ("start", "op_2", LATER)
        assert steps_of(world) == ["start", "address"]

    async def test_one_that_runs_already_is_as_good(self, world: FakeWorld):
        await ask(world, "start")

        await run(world)

        assert "start" not in world.hypervisor.calls
        assert stage(world) is Stage.READY


class TestRestart:
    async def test_the_guest_boots_again_though_it_is_off_for_a_moment(self, world: FakeWorld):
        await ask(world, "restart")

        await run(world)

        assert runs_since_boot(world) < 10
        assert "start" not in world.hypervisor.calls
        [fact] = world.memory.facts(VMReady)
        assert fact.kind == "restart"

    async def test_a_guest_that_does_not_listen_is_switched_off_and_on(self, world: FakeWorld):
        vm_of(world).listens = False
        await ask(world, "restart")

        await run(world)

        assert runs_since_boot(world) < 20
        assert world.hypervisor.calls.count("stop") == world.hypervisor.calls.count("start") == 1
        assert any("off and on" in line for line in world.memory.lines())

    async def test_one_that_is_off_is_started(self, world: FakeWorld):
        vm_of(world).running = False
        await ask(world, "restart")

        await run(world)

        assert vm_of(world).running
        assert stage(world) is Stage.READY

    async def test_by_force_the_guest_is_not_asked(self, world: FakeWorld):
        vm_of(world).listens = False
        await ask(world, "restart", force=True)

        await run(world)

        assert vm_of(world).resets == 1
        assert not {"reboot", "stop"} & set(world.hypervisor.calls)
        assert stage(world) is Stage.READY

    async def test_a_stop_after_a_reboot_is_not_fooled_by_the_moment_in_between(
        self, world: FakeWorld
    ):
        def overtake(name: str) -> None:
            vm = vm_of(world)
            if name == "task" and vm.wakes and world.machines["srv_1"].kind is Kind.RESTART:
                coroutine = ask(world, "kill", operation="op_3")
                with pytest.raises(StopIteration):
                    coroutine.send(None)

        world.hypervisor.after = overtake
        await ask(world, "restart")

        await run(world)
        world.time.seconds += 60
        power = await world.hypervisor.power("pve", FIRST)

        assert not power.running
        assert world.memory.facts(VMStopped)[0].operation_id == "op_3"


class TestResize:
    async def test_a_running_machine_gets_its_size_by_a_restart(self, world: FakeWorld):
        await ask(world, "resize", spec=BIGGER)

        await run(world)

        vm = vm_of(world)
        assert (vm.cores, vm.disk, vm.pending, vm.running) == (4, 16 * GIB, False, True)
        assert steps_of(world) == ["configure", "resize", "reboot", "address"]
        [fact] = world.memory.facts(VMReady)
        assert (fact.kind, fact.spec) == ("resize", BIGGER)

    async def test_without_anything_pending_nobody_is_thrown_out(self, world: FakeWorld):
        await ask(world, "resize")

        await run(world)

        assert "reboot" not in world.hypervisor.calls
        assert stage(world) is Stage.READY

    async def test_a_guest_sees_by_a_boot_that_only_its_disk_has_grown(self, world: FakeWorld):
        plan = SPEC.plan.model_copy(update={"disk_gib": 16})
        await ask(world, "resize", spec=SPEC.model_copy(update={"plan": plan}))

        await run(world)

        assert world.hypervisor.calls.count("reboot") == 1
        assert runs_since_boot(world) < 10
        assert not world.machines["srv_1"].boot_needed

    async def test_one_that_is_off_stays_off(self, world: FakeWorld):
        vm_of(world).running = False
        await ask(world, "resize", spec=BIGGER)

        await run(world)

        assert steps_of(world) == ["configure", "resize"]
        assert len(world.memory.facts(VMStopped)) == 1
        assert not vm_of(world).running

    async def test_the_mark_stays_that_of_the_deployment(self, world: FakeWorld):
        await ask(world, "reconfigure")

        await run(world)

        assert vm_of(world).description.startswith("spawnyard:test:srv_1:op_1\n")
        assert steps_of(world) == ["configure", "address"]


class TestCancel:
    async def test_the_machine_is_left_as_it_is_and_that_is_told(self, world: FakeWorld):
        world.hypervisor.guest_polls = 10_000
        await ask(world, "stop")

        def on_sleep(seconds: float) -> None:
            if seconds > 80 and world.machines["srv_1"].kind is Kind.STOP:
                with pytest.raises(StopIteration):
                    call_off(world).send(None)

        world.time.on_sleep = on_sleep

        await run(world)

        assert vm_of(world).running
        assert [fact.power for fact in world.memory.facts(VMObserved)] == ["running"]
        assert "abort" in world.hypervisor.calls
        assert world.memory.facts(VMStopped) == []

    async def test_a_switch_under_way_is_seen_through_before_it_is_looked(self, world: FakeWorld):
        """Or the machine would be told to run, and be off a moment later."""
        vm = vm_of(world)
        slow = []

        def overtake(name: str) -> None:
            if name == "stop" and not slow:
                task = list(world.hypervisor.tasks.values())[-1]
                slow.append(task)
                vm.running, task.polls = True, 20
                task.effect = lambda: setattr(vm, "running", False)
                with pytest.raises(StopIteration):
                    call_off(world).send(None)

        world.hypervisor.after = overtake
        vm.listens = False
        await ask(world, "stop")

        await run(world)

        assert [fact.power for fact in world.memory.facts(VMObserved)] == ["stopped"]

    async def test_while_proxmox_is_away_nothing_is_known(self, world: FakeWorld):
        def lose(_name: str) -> None:
            raise Trouble(Verdict.UNKNOWN, "connection refused")

        world.hypervisor.before = lose
        await ask(world, "stop")
        await call_off(world)
        before = world.time.seconds

        await run(world)

        assert [fact.power for fact in world.memory.facts(VMObserved)] == ["unknown"]
        assert world.time.seconds - before < 40

    async def test_it_is_looked_at_once_it_is_asked_for_again(self, world: FakeWorld):
        await call_off(world, "op_2")
        await run(world)
        await ask(world, "kill", operation="op_3")
        await run(world)

        assert [fact.power for fact in world.memory.facts(VMObserved)] == ["running"]
        assert stage(world) is Stage.OFF


class TestFailing:
    @pytest.mark.parametrize("kind", ALL)
    async def test_a_vm_that_lost_our_mark_is_not_touched(self, world: FakeWorld, kind: Change):
        vm = vm_of(world)
        vm.description = "edited by an admin"
        running = vm.running
        await ask(world, kind, spec=BIGGER)

        await run(world)

        assert (vm.running, vm.disk, vm.resets, vm.configured) == (running, 8 * GIB, 0, 1)
        [fact] = world.memory.facts(VMFailed)
        assert "spawnyard:test:srv_1:op_1" in (fact.remedy or "")
        assert fact.power == "unknown"
        assert set(world.hypervisor.calls) == {"look"}

    @pytest.mark.parametrize("kind", ALL)
    async def test_a_vm_that_is_gone_fails_with_its_own_remedy(
        self, world: FakeWorld, kind: Change
    ):
        del world.hypervisor.vms[FIRST]
        await ask(world, kind)

        await run(world)

        [fact] = world.memory.facts(VMFailed)
        assert "is gone" in fact.reason
        assert "deploy it again" in (fact.remedy or "")
        assert fact.operation_id == "op_2"

    @pytest.mark.parametrize("kind", ALL)
    async def test_a_machine_that_never_got_a_vm_cannot_be_changed(
        self, world: FakeWorld, kind: Change
    ):
        world.machines["srv_1"] = planned(
            server_id="srv_1", operation_id="op_1", spec=SPEC, deadline=LATER
        )
        await ask(world, kind)

        await run(world)

        [fact] = world.memory.facts(VMFailed)
        assert "has no VM" in fact.reason

    async def test_a_failure_tells_how_the_machine_stands_and_removes_nothing(
        self, world: FakeWorld
    ):
        def refuse(name: str) -> None:
            if name == "grow":
                raise Trouble(Verdict.REFUSED, "No space left on device", "free space")

        world.hypervisor.before = refuse
        await ask(world, "resize", spec=BIGGER)

        await run(world)

        [fact] = world.memory.facts(VMFailed)
        assert (fact.step, fact.power, fact.remedy) == ("resize", "running", "free space")
        assert stage(world) is Stage.FAILED
        assert vm_of(world).running

    async def test_the_deadline_ends_the_tries_and_the_reason_is_the_last_trouble(
        self, world: FakeWorld
    ):
        def lock(name: str) -> None:
            if name == "stop":
                raise Trouble(Verdict.BUSY, LOCKED)

        world.hypervisor.before = lock
        await ask(world, "kill", deadline=world.time.now() + timedelta(seconds=30))
        before = world.time.seconds

        await run(world)

        [fact] = world.memory.facts(VMFailed)
        assert (fact.reason, fact.power) == (LOCKED, "running")
        assert 29 < world.time.seconds - before < 40

    async def test_a_guest_has_at_most_half_of_the_operations_time(self, world: FakeWorld):
        world.hypervisor.guest_polls = 10_000
        await ask(world, "stop", deadline=world.time.now() + timedelta(seconds=100))

        await run(world)

        assert stage(world) is Stage.OFF

    async def test_after_a_failure_the_next_change_is_tried_all_the_same(self, world: FakeWorld):
        vm_of(world).description, kept = "edited", vm_of(world).description
        await ask(world, "stop")
        await run(world)
        vm_of(world).description = kept

        await ask(world, "start", operation="op_3")
        await run(world)

        assert stage(world) is Stage.READY


class TestRemoval:
    @pytest.mark.parametrize("kind", ALL)
    @pytest.mark.parametrize("call", [2, 5, 8])
    async def test_a_removal_takes_over_from_any_change_and_leaves_no_vm(
        self, world: FakeWorld, kind: Change, call: int
    ):
        calls = count(1)
        removal = RemovalRequested(server_id="srv_1", operation_id="op_3", reason="deleted")

        def overtake(_name: str) -> None:
            if next(calls) == call:
                with pytest.raises(StopIteration):
                    on_event(removal, work=world.memory).send(None)

        world.hypervisor.after = overtake
        await ask(world, kind, spec=BIGGER)

        await run(world)
        if next(calls) <= call:
            await on_event(removal, work=world.memory)
            await run(world)

        assert world.hypervisor.vms == {}
        assert [fact.operation_id for fact in world.memory.facts(VMDeleted)] == ["op_3"]


class TestCutAnywhere:
    @pytest.mark.parametrize("listens", [True, False])
    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("number", range(1, 16))
    @pytest.mark.parametrize("kind", ALL)
    async def test_a_crash_at_any_call_is_healed_by_whoever_goes_on(
        self, world: FakeWorld, kind: Change, number: int, after: bool, listens: bool
    ):
        calls = count(1)

        def die(_name: str) -> None:
            if next(calls) == number:
                raise Killed

        setattr(world.hypervisor, "after" if after else "before", die)
        vm_of(world).listens = listens
        await ask(world, kind, spec=BIGGER)

        for _ in range(3):
            try:
                await run(world)
            except Killed:
                continue
            break

        stands_as_asked(world, kind)

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("number", range(1, 16))
    @pytest.mark.parametrize("kind", ALL)
    async def test_a_lost_answer_at_any_call_is_found_out(
        self, world: FakeWorld, kind: Change, number: int, after: bool
    ):
        calls = count(1)

        def lose(_name: str) -> None:
            if next(calls) == number:
                raise Trouble(Verdict.UNKNOWN, "connection reset")

        setattr(world.hypervisor, "after" if after else "before", lose)
        await ask(world, kind, spec=BIGGER)

        await run(world)

        stands_as_asked(world, kind)

    @pytest.mark.parametrize("number", range(1, 12))
    @pytest.mark.parametrize("kind", ALL)
    async def test_a_crash_before_any_commit_is_healed(
        self, world: FakeWorld, kind: Change, number: int
    ):
        await ask(world, kind, spec=BIGGER)
        commits = count(1)

        def die() -> None:
            if next(commits) == number:
                raise Killed

        world.memory.before_commit = die

        for _ in range(3):
            try:
                await run(world)
            except Killed:
                continue
            break

        stands_as_asked(world, kind)

    @pytest.mark.parametrize("kind", ALL)
    async def test_a_lock_held_for_half_a_minute_is_waited_out(
        self, world: FakeWorld, kind: Change
    ):
        """So long may ``qm cleanup`` hold it on Proxmox VE 9 after a stop."""
        until = world.time.seconds + 30

        def lock(name: str) -> None:
            if name not in {"look", "power", "task"} and world.time.seconds < until:
                raise Trouble(Verdict.BUSY, LOCKED)

        world.hypervisor.before = lock
        await ask(world, kind, spec=BIGGER)

        await run(world)

        stands_as_asked(world, kind)


def stands_as_asked(world: FakeWorld, kind: Change) -> None:
    """See that the machine is what was asked for, and that it was said once."""
    vm, off = vm_of(world), kind in {"stop", "kill"}
    assert vm.running is not off
    assert stage(world) is (Stage.OFF if off else Stage.READY)
    assert len(world.memory.facts(VMStopped if off else VMReady)) == 1
    assert world.memory.facts(VMFailed) == []
    if kind == "restart":
        assert runs_since_boot(world) < 60
    if kind == "resize":
        assert (vm.disk, vm.cores, vm.pending) == (16 * GIB, 4, False)
        assert runs_since_boot(world) < 60
    if kind == "reconfigure":
        assert (vm.disk, vm.cores) == (8 * GIB, 4)
    keys = world.memory.line_keys()
    assert len(keys) == len(set(keys))
