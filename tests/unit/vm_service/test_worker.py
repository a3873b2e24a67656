"""The long work: whatever happens to us or to Proxmox, one VM, one announcement, or none at all."""

import asyncio
from dataclasses import replace
from datetime import datetime
from ipaddress import IPv4Address
from itertools import count

import pytest

from common.contracts.base import now
from common.contracts.events import (
    RemovalRequested,
    StepChanged,
    VMDeleted,
    VMFailed,
    VMReady,
    VMRemovalBlocked,
)
from tests.fakes.vm_service import HOST_KEY, NETWORK, SPEC, FakeVM, FakeWorld, Killed
from vm_service.domain.machine import planned
from vm_service.domain.placement import UNRECORDED, Place
from vm_service.domain.program import Stage
from vm_service.domain.trouble import Trouble, Verdict, judge
from vm_service.domain.turning import unwanted
from vm_service.handlers.requests import on_event
from vm_service.handlers.turns import Turns
from vm_service.handlers.worker import work_on_machine

FIRST = 900_000
LAN = NETWORK.model_copy(update={"mode": "dhcp"})
UP = ["reserve", "clone", "configure", "resize", "start", "address"]


@pytest.fixture
def world() -> FakeWorld:
    world = FakeWorld()
    world.machines["srv_1"] = planned(
        server_id="srv_1", operation_id="op_1", spec=SPEC, deadline=now()
    )
    return world


async def run(world: FakeWorld, server_id: str = "srv_1") -> None:
    await work_on_machine(server_id, work=world.memory, tools=world.tools)


async def ask_removal(world: FakeWorld, operation: str = "op_1") -> None:
    request = RemovalRequested(server_id="srv_1", operation_id=operation, reason="cancelled")
    await on_event(request, work=world.memory)


def stage(world: FakeWorld) -> Stage:
    return world.machines["srv_1"].stage


class KillAt:
    """Dies once, at the n-th call of the hypervisor, before or after it takes effect."""

    def __init__(self, world: FakeWorld, number: int, *, after: bool) -> None:
        self.calls = count(1)
        self.number = number
        hook = "after" if after else "before"
        setattr(world.hypervisor, hook, self)

    def __call__(self, _name: str) -> None:
        if next(self.calls) == self.number:
            raise Killed


async def run_to_the_end(world: FakeWorld) -> None:
    for _ in range(5):
        try:
            await run(world)
        except Killed:
            continue
        return


class TestBringingUp:
    async def test_a_wish_becomes_a_running_vm_with_a_proven_address(self, world: FakeWorld):
        await run(world)

        [fact] = world.memory.facts(VMReady)
        assert (fact.vmid, fact.node, fact.host_keys) == (FIRST, "pve", (HOST_KEY,))
        assert fact.endpoint.address == world.machines["srv_1"].address
        vm = world.hypervisor.vms[FIRST]
        assert vm.running
        assert vm.disk == 8 * 2**30
        assert vm.description == "spawnyard:test:srv_1:op_1\nports: udp/30000"

    async def test_every_step_is_told_once_in_order(self, world: FakeWorld):
        await run(world)

        told = [(f.step, f.state) for f in world.memory.facts(StepChanged) if f.progress is None]
        assert told == [(step, state) for step in UP for state in ("running", "succeeded")]
        keys = world.memory.line_keys()
        assert len(keys) == len(set(keys)) == 2 * len(UP)

    async def test_a_settled_machine_is_left_alone(self, world: FakeWorld):
        await run(world)
        calls = len(world.hypervisor.calls)

        await run(world)

        assert len(world.hypervisor.calls) == calls
        assert len(world.memory.facts(VMReady)) == 1

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("number", range(1, 30))
    async def test_a_crash_at_any_call_is_healed_by_whoever_goes_on(
        self, world: FakeWorld, number: int, after: bool
    ):
        KillAt(world, number, after=after)

        await run_to_the_end(world)

        assert stage(world) is Stage.READY
        assert world.hypervisor.clones_made == 1
        assert list(world.hypervisor.vms) == [FIRST]
        assert len(world.memory.facts(VMReady)) == 1
        keys = world.memory.line_keys()
        assert len(keys) == len(set(keys))

    @pytest.mark.parametrize("number", range(1, 16))
    async def test_a_crash_before_any_commit_is_healed(self, world: FakeWorld, number: int):
        commits = count(1)

        def die() -> None:
            if next(commits) == number:
                raise Killed

        world.memory.before_commit = die

        await run_to_the_end(world)

        assert stage(world) is Stage.READY
        assert world.hypervisor.clones_made == 1
        assert len(world.memory.facts(VMReady)) == 1

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("number", range(1, 20))
    async def test_a_lost_answer_at_any_call_is_found_out(
        self, world: FakeWorld, number: int, after: bool
    ):
        calls = count(1)

        def lose(_name: str) -> None:
            if next(calls) == number:
                raise Trouble(Verdict.UNKNOWN, "connection reset")

        setattr(world.hypervisor, "after" if after else "before", lose)

        await run(world)

        assert stage(world) is Stage.READY
        assert world.hypervisor.clones_made == 1
        assert len(world.memory.facts(VMReady)) == 1

    async def test_a_strangers_vm_is_not_touched_and_its_id_not_used_again(self, world: FakeWorld):
        world.hypervisor.vms[FIRST] = FakeVM("somebody's database")

        await run(world)

        assert world.hypervisor.vms[FIRST] == FakeVM("somebody's database")
        assert world.machines["srv_1"].vmid == FIRST + 1
        assert list(world.memory.machines.burnt) == [FIRST]

    @pytest.mark.parametrize("vm", [FakeVM("", lock="clone"), FakeVM("", hidden=True)])
    async def test_a_stranger_who_is_still_cloning_or_hidden_is_a_stranger(
        self, world: FakeWorld, vm: FakeVM
    ):
        world.hypervisor.vms[FIRST] = vm

        await run(world)

        assert world.machines["srv_1"].vmid == FIRST + 1

    async def test_a_clone_whose_task_tells_late_what_it_makes_is_still_ours(
        self, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
    ):
        find, asked, lost = world.hypervisor.find_clone, count(1), count(1)

        async def find_late(place: Place, vmid: int, *, since: datetime) -> str | None:
            return await find(place, vmid, since=since) if next(asked) > 3 else None

        def lose(name: str) -> None:
            if name == "clone" and next(lost) == 1:
                raise Trouble(Verdict.UNKNOWN, "Proxmox is not reachable: timed out")

        monkeypatch.setattr(world.hypervisor, "find_clone", find_late)
        world.hypervisor.after = lose

        await run(world)

        assert stage(world) is Stage.READY
        assert list(world.hypervisor.vms) == [FIRST]
        assert world.memory.machines.burnt == {}

    async def test_a_stranger_who_takes_the_id_between_look_and_clone_keeps_it(
        self, world: FakeWorld
    ):
        def take(name: str) -> None:
            if name == "clone":
                world.hypervisor.vms.setdefault(FIRST, FakeVM("quicker"))

        world.hypervisor.before = take

        await run(world)

        assert world.hypervisor.vms[FIRST].description == "quicker"
        assert world.machines["srv_1"].vmid == FIRST + 1

    async def test_warnings_are_a_success_and_are_told(self, world: FakeWorld):
        world.hypervisor.clone_outcomes = ["WARNINGS: 1"]

        await run(world)

        assert stage(world) is Stage.READY
        assert "WARN: something small" in world.memory.lines()

    async def test_a_lock_is_waited_for(self, world: FakeWorld):
        locked = "can't lock file '/var/lock/qemu-server/lock-9000.conf' - got timeout"
        world.hypervisor.clone_outcomes = [locked] * 3

        await run(world)

        assert stage(world) is Stage.READY
        attempts = [f.attempt for f in world.memory.facts(StepChanged) if f.step == "clone"]
        assert max(attempts) == 4

    async def test_a_lock_that_stays_fails_the_step_after_ten_minutes(self, world: FakeWorld):
        world.hypervisor.clone_outcomes = ["VM is locked (backup)"] * 1000

        await run(world)

        [fact] = world.memory.facts(VMFailed)
        assert (fact.step, fact.reason) == ("clone", "VM is locked (backup)")
        assert 600 < world.time.seconds < 700

    async def test_a_full_storage_fails_at_once_with_proxmoxs_text_and_a_remedy(
        self, world: FakeWorld
    ):
        world.hypervisor.clone_outcomes = ["clone failed: qemu-img: No space left on device"]

        await run(world)

        [fact] = world.memory.facts(VMFailed)
        assert "No space left on device" in fact.reason
        assert "free space" in (fact.remedy or "")

    async def test_a_missing_privilege_is_named_after_two_tries(self, world: FakeWorld):
        def deny(name: str) -> None:
            if name == "start":
                raise judge("Permission check failed (/vms/900000, VM.PowerMgmt)", status=403)

        world.hypervisor.before = deny

        await run(world)

        [fact] = world.memory.facts(VMFailed)
        assert "VM.PowerMgmt on /vms/900000" in (fact.remedy or "")
        assert world.hypervisor.calls.count("start") == 2

    async def test_a_half_made_clone_is_given_up_with_the_command_that_helps(
        self, world: FakeWorld
    ):
        world.hypervisor.clone_outcomes = ["unexpected status"]

        await run(world)
        await ask_removal(world)
        await run(world)

        [failed] = world.memory.facts(VMFailed)
        [blocked] = world.memory.facts(VMRemovalBlocked)
        assert failed.step == "clone"
        assert f"qm unlock {FIRST} && qm destroy {FIRST}" in blocked.remedy
        assert stage(world) is Stage.BLOCKED

    async def test_a_guest_that_claims_another_address_is_never_believed(self, world: FakeWorld):
        def lie(name: str) -> None:
            if name == "guest_addresses":
                world.hypervisor.vms[FIRST].address = "169.254.169.254"

        world.hypervisor.before = lie

        await run(world)

        [fact] = world.memory.facts(VMFailed)
        assert fact.step == "address"
        assert "guest_host_key" not in world.hypervisor.calls

    @pytest.mark.parametrize("text", ["", "ssh-rsa AAAA", HOST_KEY + "\nssh-ed25519 AAAA", "x" * 9])
    async def test_a_guest_that_tells_nonsense_for_a_host_key_is_not_believed(
        self, world: FakeWorld, text: str
    ):
        world.hypervisor.host_key = text

        await run(world)

        [fact] = world.memory.facts(VMFailed)
        assert fact.step == "address"

    async def test_without_proof_the_policy_is_passed_on_and_told(self, world: FakeWorld):
        world.tools = replace(world.tools, tofu=True)

        await run(world)

        [fact] = world.memory.facts(VMReady)
        assert (fact.host_keys, fact.host_key_policy) == ((), "tofu")
        assert any("HOST KEY NOT VERIFIED" in line for line in world.memory.lines())

    async def test_a_clone_waits_for_its_turn(self, world: FakeWorld):
        lines = Turns(1)
        world.tools = replace(world.tools, clones=lines)
        turns = lines.of(Place(node="pve", template=9000, template_node="pve"))
        await turns.acquire()

        work = asyncio.create_task(run(world))
        await asyncio.sleep(0.05)
        waiting = world.hypervisor.calls.count("clone")
        turns.release()
        await work

        assert waiting == 0
        assert stage(world) is Stage.READY
        assert not turns.locked()


class TestAddresses:
    async def test_an_address_where_somebody_lives_is_left_to_him(self, world: FakeWorld):
        knocked: list[str] = []

        class Probe:
            async def is_taken(self, address: str) -> bool:
                knocked.append(address)
                return len(knocked) <= 2

        world.tools = replace(world.tools, probe=Probe())

        await run(world)

        [fact] = world.memory.facts(VMReady)
        assert fact.endpoint.address == knocked[2]
        assert len(set(knocked)) == 3
        assert sum("in use by somebody else" in line for line in world.memory.lines()) == 2

    async def test_a_network_in_which_every_address_is_in_use_fails_the_deployment(
        self, world: FakeWorld
    ):
        class Probe:
            async def is_taken(self, address: str) -> bool:
                return True

        world.tools = replace(world.tools, probe=Probe())

        await run(world)

        [fact] = world.memory.facts(VMFailed)
        assert (fact.step, world.hypervisor.clones_made) == ("clone", 0)
        assert "network" in (fact.remedy or "")

    async def test_a_nodes_address_is_never_given_out(self, world: FakeWorld):
        world.memory.machines.network = NETWORK.model_copy(
            update={"first": IPv4Address("10.77.0.2"), "last": IPv4Address("10.77.0.3")}
        )

        await run(world)

        assert world.machines["srv_1"].address == "10.77.0.3"  # a node has the other

    async def test_by_dhcp_the_guest_tells_its_address(self, world: FakeWorld):
        world.memory.machines.network = LAN

        await run(world)

        [fact] = world.memory.facts(VMReady)
        assert fact.endpoint.address == world.machines["srv_1"].address == "10.77.9.9"

    @pytest.mark.parametrize("claim", ["169.254.169.254", "10.77.0.2", "10.77.0.77", "10.78.0.1"])
    async def test_by_dhcp_a_guest_is_not_believed_what_cannot_be_its_own(
        self, world: FakeWorld, claim: str
    ):
        world.memory.machines.network = LAN
        other = replace(world.machines["srv_1"], server_id="srv_2", stage=Stage.READY)
        world.machines["srv_2"] = replace(other, address="10.77.0.77")

        def lie(name: str) -> None:
            if name == "guest_addresses":
                world.hypervisor.vms[FIRST].address = claim

        world.hypervisor.before = lie

        await run(world)

        [fact] = world.memory.facts(VMFailed)
        assert fact.step == "address"
        assert "guest_host_key" not in world.hypervisor.calls


class TestRemoving:
    async def test_a_ready_machine_is_stopped_and_destroyed(self, world: FakeWorld):
        await run(world)
        await ask_removal(world, "op_2")

        await run(world)

        assert world.hypervisor.vms == {}
        [fact] = world.memory.facts(VMDeleted)
        assert (fact.vmid, fact.operation_id) == (FIRST, "op_2")

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("number", range(1, 12))
    async def test_a_crash_at_any_call_is_healed_by_whoever_goes_on(
        self, world: FakeWorld, number: int, after: bool
    ):
        await run(world)
        await ask_removal(world, "op_2")
        KillAt(world, number, after=after)

        await run_to_the_end(world)

        assert world.hypervisor.vms == {}
        assert len(world.memory.facts(VMDeleted)) == 1

    @pytest.mark.parametrize("call", range(1, 25))
    async def test_a_removal_at_any_call_of_the_deployment_leaves_no_vm(
        self, world: FakeWorld, call: int
    ):
        calls = count(1)

        def overtake(_name: str) -> None:
            if next(calls) == call:
                machine = world.machines["srv_1"]
                world.machines["srv_1"] = unwanted(machine, operation_id="op_1")

        world.hypervisor.after = overtake

        await run(world)
        if stage(world) is Stage.READY:
            await ask_removal(world)
            await run(world)

        assert world.hypervisor.vms == {}
        assert stage(world) is Stage.GONE
        assert len(world.memory.facts(VMDeleted)) == 1

    async def test_a_clone_under_way_is_stopped_within_seconds_of_a_cancel(self, world: FakeWorld):
        world.hypervisor.clone_polls = 10_000

        def cancel(seconds: float) -> None:
            if seconds > 20 and world.machines["srv_1"].step == "clone":
                machine = world.machines["srv_1"]
                world.machines["srv_1"] = unwanted(machine, operation_id="op_1")

        world.time.on_sleep = cancel

        await run(world)

        assert "abort" in world.hypervisor.calls
        assert world.hypervisor.vms == {}
        assert stage(world) is Stage.GONE
        assert world.time.seconds < 30

    async def test_a_clone_whose_answer_was_lost_and_that_is_listed_late_is_stopped(
        self, world: FakeWorld
    ):
        machine = world.machines["srv_1"]
        home = Place(node="pve", template=9000, template_node="pve")
        machine = replace(machine, step="clone", vmid=FIRST, node="pve", home=home)
        world.machines["srv_1"] = machine
        await ask_removal(world)
        asked = []

        def list_late(name: str) -> None:
            if name == "find_clone" and not asked:
                asked.append(name)
                world.hypervisor.vms[FIRST] = FakeVM("spawnyard:test:srv_1:op_1", lock="clone")
                world.hypervisor._new_task("qmclone", FIRST, polls=10_000)

        world.hypervisor.after = list_late

        await run(world)

        assert "abort" in world.hypervisor.calls
        assert world.hypervisor.vms == {}

    async def test_a_clone_task_that_proxmox_has_forgotten_keeps_nobody_from_a_removal(
        self, world: FakeWorld
    ):
        world.hypervisor.before = KillAt(world, 3, after=False)  # before a clone is made
        with pytest.raises(Killed):
            await run(world)
        world.hypervisor.before = lambda _: None
        world.machines["srv_1"] = replace(world.machines["srv_1"], task="UPID:forgotten")
        await ask_removal(world)

        await run(world)

        assert stage(world) is Stage.GONE
        assert world.time.seconds < 60

    async def test_nobody_is_told_to_destroy_what_was_never_seen_to_be_ours(self, world: FakeWorld):
        world.hypervisor.before = KillAt(world, 3, after=False)  # before a clone is made
        with pytest.raises(Killed):
            await run(world)

        def fail(name: str) -> None:
            if name == "look":
                raise Trouble(Verdict.FAULT, "something strange")

        world.hypervisor.before = fail
        await ask_removal(world)

        await run(world)

        [fact] = world.memory.facts(VMRemovalBlocked)
        assert "qm destroy" not in fact.remedy

    async def test_what_an_older_version_has_placed_is_placed_again_before_it_is_made(
        self, world: FakeWorld
    ):
        await run(world)
        made = world.machines["srv_1"]
        assert made.home is not None
        old = replace(made.home, template=UNRECORDED)
        del world.hypervisor.vms[FIRST]
        world.machines["srv_1"] = replace(
            made, stage=Stage.WORKING, step="clone", attempt=0, owned=False, home=old
        )

        await run(world)

        assert world.machines["srv_1"].home == made.home
        assert stage(world) is Stage.READY

    async def test_a_strangers_vm_under_our_id_survives_the_removal(self, world: FakeWorld):
        machine = world.machines["srv_1"]
        world.machines["srv_1"] = replace(
            machine,
            step="clone",
            vmid=FIRST,
            node="pve",
            home=Place(node="pve", template=9000, template_node="pve"),
        )
        world.hypervisor.vms[FIRST] = FakeVM("not yours", running=True)
        await ask_removal(world)

        await run(world)

        assert world.hypervisor.vms[FIRST] == FakeVM("not yours", running=True)
        assert stage(world) is Stage.GONE

    async def test_a_vm_whose_mark_was_removed_is_not_touched_and_that_is_said(
        self, world: FakeWorld
    ):
        await run(world)
        world.hypervisor.vms[FIRST].description = "edited by an admin"
        await ask_removal(world, "op_2")

        await run(world)

        assert world.hypervisor.vms[FIRST].running
        [fact] = world.memory.facts(VMRemovalBlocked)
        assert "spawnyard:test:srv_1:" in fact.remedy

    async def test_a_vm_switched_on_again_behind_our_back_is_removed_all_the_same(
        self, world: FakeWorld
    ):
        await run(world)
        await ask_removal(world, "op_2")
        switched = []

        def switch_on(name: str) -> None:
            if name == "destroy" and not switched:
                switched.append(name)
                world.hypervisor.vms[FIRST].running = True

        world.hypervisor.before = switch_on

        await run(world)

        assert world.hypervisor.vms == {}

    async def test_a_blocked_removal_is_tried_again_by_a_newer_operation(self, world: FakeWorld):
        await run(world)
        world.hypervisor.vms[FIRST].lock = "clone"
        await ask_removal(world, "op_2")
        await run(world)
        world.hypervisor.vms[FIRST].lock = None

        await ask_removal(world, "op_3")
        await run(world)

        assert stage(world) is Stage.GONE
        assert len(world.memory.facts(VMRemovalBlocked)) == 1
        assert world.memory.facts(VMDeleted)[0].operation_id == "op_3"

    async def test_whoever_lost_the_lease_writes_nothing_more(self, world: FakeWorld):
        class Lost(Exception):
            pass

        def lose(name: str) -> None:
            if name == "configure":

                def refuse() -> None:
                    raise Lost

                world.memory.fence = refuse

        world.hypervisor.after = lose

        with pytest.raises(Lost):
            await run(world)

        assert world.machines["srv_1"].step == "configure"
