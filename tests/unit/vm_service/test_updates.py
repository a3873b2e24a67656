"""A snapshot before an update, and the way back: whatever happens, no half of either is left."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import cast

import pytest

from common.contracts.base import Event
from common.contracts.events import (
    CancelRequested,
    ChangeRequested,
    RemovalRequested,
    RollbackRequested,
    SnapshotReleased,
    StepChanged,
    VMDeleted,
    VMFailed,
    VMObserved,
    VMReady,
    VMStopped,
)
from tests.fakes.vm_service import INSTALL, SPEC, START, FakeSnapshot, FakeVM, FakeWorld, Killed
from vm_service.adapters.proxmox.client import Client
from vm_service.adapters.proxmox.snapshots import ProxmoxSnapshots
from vm_service.domain.machine import planned
from vm_service.domain.program import Kind, Stage
from vm_service.domain.trouble import Trouble, judge
from vm_service.domain.vm import Snapshot
from vm_service.handlers.requests import on_event
from vm_service.handlers.worker import work_on_machine

FIRST = 900_000
LATER = START + timedelta(days=1)
NEWER = SPEC.model_copy(update={"settings": {"version": "2"}})
MARK = f"spawnyard:{INSTALL}:srv_1:op_1"
NAME = "yard-op_2"
NO_SNAPSHOTS = "snapshot feature is not available"


async def run(world: FakeWorld) -> None:
    await work_on_machine("srv_1", work=world.memory, tools=world.tools)


async def hear(world: FakeWorld, event: Event) -> None:
    await on_event(event, work=world.memory)


def update(operation: str = "op_2") -> ChangeRequested:
    return ChangeRequested(
        server_id="srv_1", operation_id=operation, kind="update", spec=NEWER, deadline=LATER
    )


def back(operation: str = "op_2") -> RollbackRequested:
    return RollbackRequested(server_id="srv_1", operation_id=operation, spec=SPEC, deadline=LATER)


def release(operation: str = "op_2") -> SnapshotReleased:
    return SnapshotReleased(server_id="srv_1", operation_id=operation)


async def updated(world: FakeWorld) -> None:
    """Have the VM ready for the update, which then spoils what is on its disk."""
    await hear(world, update())
    await run(world)
    vm_of(world).world = "spoiled"


def vm_of(world: FakeWorld) -> FakeVM:
    return world.hypervisor.vms[FIRST]


def ready(world: FakeWorld) -> VMReady:
    return world.memory.facts(VMReady)[-1]


def begun(world: FakeWorld) -> list[str]:
    return [f.step for f in world.memory.facts(StepChanged) if f.state == "running"]


class TestAnUpdate:
    async def test_it_has_a_snapshot_that_carries_our_mark_before_anything_is_done(
        self, world: FakeWorld
    ):
        await hear(world, update())
        await run(world)

        assert (ready(world).kind, ready(world).spec) == ("update", NEWER)
        assert list(vm_of(world).snapshots) == [NAME]
        assert vm_of(world).snapshots[NAME].description == MARK
        assert vm_of(world).running
        assert list(dict.fromkeys(begun(world))) == ["snapshot", "address"]

    async def test_a_snapshot_a_former_update_has_left_goes_first_and_those_of_others_stay(
        self, world: FakeWorld
    ):
        theirs = {"by-hand": FakeSnapshot("", "x"), "yard-theirs": FakeSnapshot("mine", "x")}
        vm_of(world).snapshots |= {**theirs, "yard-op_0": FakeSnapshot(MARK, "x")}

        await hear(world, update())
        await run(world)

        assert set(vm_of(world).snapshots) == {*theirs, NAME}

    async def test_a_storage_without_snapshots_is_refused_with_what_helps(self, world: FakeWorld):
        world.hypervisor.snapshot_outcomes = [NO_SNAPSHOTS]

        await hear(world, update())
        await run(world)

        (failed,) = world.memory.facts(VMFailed)
        assert (failed.step, failed.reason, failed.power) == ("snapshot", NO_SNAPSHOTS, "running")
        assert not failed.rollback
        assert "LVM-thin" in (failed.remedy or "")
        assert world.hypervisor.calls.count("snapshot") == 1

    async def test_a_server_that_is_off_is_not_updated(self, world: FakeWorld):
        vm_of(world).running = False

        await hear(world, update())
        await run(world)

        (failed,) = world.memory.facts(VMFailed)
        assert (failed.reason, failed.power) == ("the VM is off", "stopped")
        assert not vm_of(world).snapshots

    async def test_a_vm_that_is_not_ours_is_not_touched(self, world: FakeWorld):
        vm_of(world).description = "somebody else's"

        await hear(world, update())
        await run(world)

        assert world.memory.facts(VMFailed)
        assert not {"snapshot", "snapshots", "delete_snapshot"} & set(world.hypervisor.calls)

    async def test_one_that_is_locked_is_waited_for_and_in_the_end_the_command_is_told(
        self, world: FakeWorld
    ):
        vm_of(world).lock = "snapshot-delete"

        await hear(world, update())
        await run(world)

        (failed,) = world.memory.facts(VMFailed)
        assert "qm unlock" in (failed.remedy or "")
        assert world.hypervisor.calls.count("snapshot") > 10

    async def test_a_snapshot_that_was_broken_off_is_no_way_back(self, world: FakeWorld):
        vm_of(world).snapshots[NAME] = FakeSnapshot(MARK, "old", state="prepare")

        await hear(world, update())
        await run(world)

        (failed,) = world.memory.facts(VMFailed)
        assert "not complete" in failed.reason

    async def test_asked_again_it_is_told_again(self, world: FakeWorld):
        await updated(world)

        await hear(world, update())

        assert [fact.kind for fact in world.memory.facts(VMReady)] == ["update", "update"]


class TestTheWayBack:
    async def test_the_vm_is_what_it_was_and_runs(self, world: FakeWorld):
        await updated(world)

        await hear(world, back())
        await run(world)

        assert (ready(world).kind, ready(world).spec) == ("rollback", SPEC)
        assert (vm_of(world).world, vm_of(world).running, vm_of(world).onboot) == (
            "old", True, True,
        )  # fmt: skip
        assert NAME in vm_of(world).snapshots, "until the gateway lets it go"

    async def test_asked_again_it_is_told_again_and_done_once(self, world: FakeWorld):
        await updated(world)
        for _ in range(2):
            await hear(world, back())
        await run(world)
        await hear(world, update())  # comes late
        await hear(world, back())

        assert [fact.kind for fact in world.memory.facts(VMReady)][1:] == ["rollback"] * 3
        assert world.hypervisor.calls.count("rollback") == 1

    async def test_before_there_is_a_snapshot_nothing_has_to_be_taken_back(self, world: FakeWorld):
        await hear(world, update())
        vm_of(world).world = "what players did"

        await hear(world, back())
        await run(world)

        assert ready(world).kind == "rollback"
        assert vm_of(world).world == "what players did"
        assert not {"stop", "rollback"} & set(world.hypervisor.calls)

    async def test_an_update_nobody_heard_of_is_not_begun_once_it_was_taken_back(
        self, world: FakeWorld
    ):
        await hear(world, back())
        await hear(world, update())
        await run(world)

        assert ready(world).kind == "rollback"
        assert not vm_of(world).snapshots

    async def test_while_the_snapshot_is_made_it_is_waited_for_never_broken_off(
        self, world: FakeWorld
    ):
        await hear(world, update())
        heard: list[bool] = []

        def turn_back(name: str) -> None:
            if name == "snapshot" and not heard:
                heard.append(True)
                machine = world.machines["srv_1"]
                world.machines["srv_1"] = replace(machine, kind=Kind.ROLLBACK, step="stop")

        world.hypervisor.after = turn_back
        await run(world)

        assert heard
        assert "abort" not in world.hypervisor.calls
        assert ready(world).kind == "rollback"
        assert vm_of(world).lock is None

    async def test_a_snapshot_that_is_gone_is_said_and_the_vm_left_off(self, world: FakeWorld):
        await updated(world)
        vm_of(world).snapshots.clear()

        await hear(world, back())
        await run(world)

        (failed,) = world.memory.facts(VMFailed)
        assert (failed.step, failed.rollback, failed.power) == ("rollback", True, "stopped")
        assert "backup" in (failed.remedy or "")

    @pytest.mark.parametrize("last", ["KILL", "DELETE"])
    async def test_a_kill_and_a_removal_go_first_and_break_no_rollback_off(
        self, world: FakeWorld, last: str
    ):
        await updated(world)
        await hear(world, back())
        kill = update("op_3").model_copy(update={"kind": "kill"})
        removal = RemovalRequested(server_id="srv_1", operation_id="op_3", reason="deleted")
        waiting: list[Event] = [kill if last == "KILL" else removal]

        async def overtake() -> None:
            while "rollback" not in world.hypervisor.calls:
                await asyncio.sleep(0)
            await hear(world, CancelRequested(server_id="srv_1", operation_id="op_2"))
            await hear(world, waiting.pop())

        await asyncio.gather(run(world), overtake())
        await run(world)

        assert "abort" not in world.hypervisor.calls
        assert not world.memory.facts(VMObserved)
        assert world.memory.facts(VMStopped if last == "KILL" else VMDeleted)


class TestTheRelease:
    @pytest.mark.parametrize("way", ["forth", "back"])
    async def test_the_snapshot_goes_without_a_word(self, world: FakeWorld, way: str):
        await updated(world)
        if way == "back":
            await hear(world, back())
            await run(world)
        said = len(world.memory.outbox.messages)

        for _ in range(2):
            await hear(world, release())
        await run(world)
        await hear(world, release())

        assert not vm_of(world).snapshots
        assert vm_of(world).running
        assert len(world.memory.outbox.messages) == said
        machine = world.machines["srv_1"]
        assert (machine.stage, machine.snapshot) == (Stage.RELEASED, None)

    async def test_one_that_cannot_be_removed_is_left_and_the_next_update_tries_again(
        self, world: FakeWorld
    ):
        await updated(world)
        world.hypervisor.snapshot_outcomes = ["got timeout: disk full"] * 1000 + [NO_SNAPSHOTS]

        await hear(world, release())
        await run(world)

        assert not world.memory.facts(VMFailed)
        assert world.machines["srv_1"].is_settled
        world.hypervisor.snapshot_outcomes.clear()
        await hear(world, update("op_3"))
        await run(world)
        assert list(vm_of(world).snapshots) == ["yard-op_3"]

    async def test_of_something_overtaken_or_under_way_it_means_nothing(self, world: FakeWorld):
        await hear(world, update())
        await hear(world, release())
        await run(world)
        await hear(world, update("op_3").model_copy(update={"kind": "restart"}))
        await hear(world, release())

        assert world.machines["srv_1"].kind is Kind.RESTART
        assert NAME in vm_of(world).snapshots


class TestWhatIsOvertaken:
    """Once nothing goes back to it, a snapshot goes when the game has answered again."""

    RESTART = update("op_3").model_copy(update={"kind": "restart"})
    KILL = update("op_3").model_copy(update={"kind": "kill"})
    START = update("op_4").model_copy(update={"kind": "start"})
    CANCEL = CancelRequested(server_id="srv_1", operation_id="op_2")

    async def start(self, world: FakeWorld, *, answers: bool = True) -> None:
        """Start it; where the game answers, the gateway says so."""
        for event in (self.START, *([release("op_4")] if answers else [])):
            await hear(world, event)
            await run(world)

    @pytest.mark.parametrize("order", ["before", "after", "never"])
    @pytest.mark.parametrize("way", ["forth", "back"])
    async def test_a_restart_right_after_an_update_that_succeeds_takes_the_snapshot_away(
        self, world: FakeWorld, way: str, order: str
    ):
        await updated(world)
        if way == "back":
            await hear(world, back())
            await run(world)
        said = {
            "before": [release(), self.RESTART],
            "after": [self.RESTART, release()],
            "never": [self.RESTART],
        }[order]

        for event in said:
            await hear(world, event)
        await run(world)
        restarted = world.machines["srv_1"].stage, list(vm_of(world).snapshots)
        await hear(world, release("op_3"))
        await run(world)

        kept = way == "back" and order == "never"  # nobody says that the way back has succeeded
        assert restarted == (Stage.READY, [NAME])
        assert bool(vm_of(world).snapshots) is kept

    @pytest.mark.parametrize("while_it", ["snapshot", "rollback"])
    @pytest.mark.parametrize("cancelled", [True, False])
    async def test_after_a_kill_it_stays_until_the_game_has_answered_as_it_is(
        self, world: FakeWorld, while_it: str, cancelled: bool
    ):
        await hear(world, update())
        if while_it == "rollback":
            await run(world)
            await hear(world, back())
        waiting: list[Event] = [self.CANCEL, self.KILL] if cancelled else [self.KILL]

        async def overtake() -> None:
            while while_it not in world.hypervisor.calls:
                await asyncio.sleep(0)
            for event in waiting:
                await hear(world, event)

        await asyncio.gather(run(world), overtake())
        await run(world)
        killed = world.machines["srv_1"].stage, list(vm_of(world).snapshots)
        await self.start(world, answers=False)
        started = world.machines["srv_1"].stage, list(vm_of(world).snapshots)
        await hear(world, release("op_4"))
        await run(world)

        assert (killed, started) == ((Stage.OFF, [NAME]), (Stage.READY, [NAME]))
        assert not vm_of(world).snapshots

    async def test_a_kill_when_the_vm_is_back_and_the_game_is_not_is_no_other(
        self, world: FakeWorld
    ):
        await updated(world)
        await hear(world, back())
        await run(world)
        for event in (self.CANCEL, self.KILL):
            await hear(world, event)
            await run(world)
        await self.start(world)

        assert not vm_of(world).snapshots

    async def test_after_a_way_back_that_failed_it_stays_until_the_next_update(
        self, world: FakeWorld
    ):
        await updated(world)
        world.hypervisor.snapshot_outcomes = [NO_SNAPSHOTS]
        await hear(world, back())
        await run(world)
        failed = world.machines["srv_1"].stage

        await self.start(world)
        kept = list(vm_of(world).snapshots)
        await hear(world, update("op_5"))
        await run(world)

        assert (failed, kept) == (Stage.FAILED, [NAME])
        assert list(vm_of(world).snapshots) == ["yard-op_5"]

    async def test_an_update_that_did_not_begin_leaves_all_to_go_when_the_game_has_answered(
        self, world: FakeWorld
    ):
        await updated(world)
        await hear(world, self.KILL)
        await run(world)
        await hear(world, update("op_4"))
        world.machines["srv_1"] = replace(
            world.machines["srv_1"], stage=Stage.FAILED, step=None, operation_id="op_4"
        )
        vm_of(world).snapshots["yard-op_4"] = FakeSnapshot(MARK, "x")

        await hear(world, release("op_4"))
        await run(world)
        left = list(vm_of(world).snapshots)
        again = update("op_5").model_copy(update={"kind": "start"})
        for event in (again, release("op_5")):
            await hear(world, event)
            await run(world)

        assert left == [NAME, "yard-op_4"]
        assert not vm_of(world).snapshots

    async def test_those_of_others_stay(self, world: FakeWorld):
        await updated(world)
        vm_of(world).snapshots["by-hand"] = FakeSnapshot("", "x")

        for event in (self.RESTART, release("op_3")):
            await hear(world, event)
            await run(world)

        assert list(vm_of(world).snapshots) == ["by-hand"]

    async def test_where_it_cannot_be_removed_a_later_operation_tries_again(self, world: FakeWorld):
        await updated(world)
        world.hypervisor.snapshot_outcomes = [NO_SNAPSHOTS]

        for event in (self.RESTART, release("op_3")):
            await hear(world, event)
            await run(world)
        left = list(vm_of(world).snapshots)
        await self.start(world)

        assert (left, list(vm_of(world).snapshots)) == ([NAME], [])
        assert not world.memory.facts(VMFailed)

    @pytest.mark.parametrize("cut", range(1, 15))
    @pytest.mark.parametrize("when", ["before", "after"])
    async def test_cut_anywhere_a_later_operation_heals_it(
        self, world: FakeWorld, when: str, cut: int
    ):
        await updated(world)
        await hear(world, self.RESTART)

        await is_cut_off(world, when, at=cut)
        await run(world)
        await self.start(world)

        assert not vm_of(world).snapshots
        assert world.machines["srv_1"].stage is Stage.RELEASED

    async def test_one_that_was_never_updated_is_asked_for_no_snapshots(self, world: FakeWorld):
        await hear(world, self.RESTART)
        await run(world)
        await hear(world, release("op_3"))
        await run(world)

        assert world.machines["srv_1"].stage is Stage.READY
        assert "snapshots" not in world.hypervisor.calls


async def about_to(way: str) -> FakeWorld:
    """Return a world in which a server is about to be updated, taken back or let go."""
    world = FakeWorld()
    world.machines["srv_1"] = planned(
        server_id="srv_1", operation_id="op_1", spec=SPEC, deadline=LATER
    )
    await run(world)
    if way != "forth":
        await updated(world)
    await hear(world, {"forth": update, "back": back, "release": release}[way]())
    return world


async def is_cut_off(world: FakeWorld, when: str, *, at: int) -> bool:
    """Let it work until it dies at its call of this number, if it gets there."""
    calls = count(1)

    def die(_: str) -> None:
        if next(calls) == at:
            raise Killed

    setattr(world.hypervisor, when, die)
    try:
        await run(world)
    except Killed:
        return True
    finally:
        setattr(world.hypervisor, when, lambda _: None)
    return False


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("way", ["forth", "back", "release"])
async def test_cut_anywhere_it_heals(when: str, way: str):
    cut = 0
    for cut in count(1):
        world = await about_to(way)
        was_cut = await is_cut_off(world, when, at=cut)

        await run(world)

        names = set() if way == "release" else {NAME}
        assert set(vm_of(world).snapshots) == names, f"cut at call {cut}"
        assert vm_of(world).running
        assert way == "release" or ready(world).kind == ("update" if way == "forth" else "rollback")
        assert way == "release" or vm_of(world).world == "old"
        if not was_cut:
            break
    assert cut > 5


@pytest.mark.parametrize(
    ("text", "helps"),
    [
        ("snapshot feature is not available", "LVM-thin"),
        ("can't snapshot this image format", "LVM-thin"),
        ("lvm snapshot is not implemented", "LVM-thin"),
        ("can't rollback, 'yard-op_2' is not most recent snapshot on 'vm-1-disk-0'", "newer"),
        ("unable to rollback to incomplete snapshot (snapstate = delete)", "qm delsnapshot"),
        ("VM is locked (rollback)", "qm unlock"),
        ("VM is locked (snapshot)", "qm unlock"),
    ],
)
def test_what_proxmox_says_of_snapshots_comes_with_what_helps(text: str, helps: str):
    assert helps in (judge(text).remedy or "")


@dataclass
class Recording:
    """Proxmox's API, as far as it is asked for snapshots."""

    asked: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)

    async def get(self, path: str, **query: object) -> object:
        self.asked.append(("GET", path, query))
        return [
            {"name": "s1", "description": MARK, "snaptime": 1, "vmstate": 0},
            {"name": "s2", "snapstate": "delete", "parent": "s1"},
            {"name": "current", "description": "You are here!", "running": 1},
        ]

    async def post(self, path: str, **form: object) -> object:
        self.asked.append(("POST", path, form))
        return "UPID"

    async def delete(self, path: str, **query: object) -> object:
        self.asked.append(("DELETE", path, query))
        return "UPID"


class TestProxmox:
    @pytest.fixture
    def api(self) -> Recording:
        return Recording()

    @pytest.fixture
    def proxmox(self, api: Recording) -> ProxmoxSnapshots:
        return ProxmoxSnapshots(cast("Client", api))

    async def test_the_present_is_no_snapshot(self, proxmox: ProxmoxSnapshots):
        assert await proxmox.snapshots("pve", 101) == [
            Snapshot(name="s1", description=MARK),
            Snapshot(name="s2", state="delete"),
        ]

    async def test_each_verb_is_one_call(self, proxmox: ProxmoxSnapshots, api: Recording):
        await proxmox.snapshot("pve", 101, name=NAME, description=MARK)
        await proxmox.rollback("pve", 101, name=NAME)
        await proxmox.delete_snapshot("pve", 101, name=NAME)

        root = "nodes/pve/qemu/101/snapshot"
        form = {"snapname": NAME, "description": MARK, "vmstate": False}
        assert api.asked == [
            ("POST", root, form),
            ("POST", f"{root}/{NAME}/rollback", {"start": False}),
            ("DELETE", f"{root}/{NAME}", {}),
        ]

    @pytest.mark.parametrize("name", ["", "1", "a/../b", "yard op", "y" * 41])
    async def test_a_name_that_is_none_never_becomes_a_path(
        self, proxmox: ProxmoxSnapshots, api: Recording, name: str
    ):
        for verb in (proxmox.rollback, proxmox.delete_snapshot):
            with pytest.raises(Trouble):
                await verb("pve", 101, name=name)
        with pytest.raises(Trouble):
            await proxmox.snapshot("pve", 101, name=name, description="")

        assert not api.asked
