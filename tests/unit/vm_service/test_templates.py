"""A VM becomes a template, others are cloned from it, and it goes: whatever happens meanwhile."""

from dataclasses import replace
from datetime import timedelta

import pytest

from common.contracts.base import Event
from common.contracts.events import (
    DeploymentRequested,
    GuestSealed,
    RemovalRequested,
    VMDeleted,
    VMFailed,
    VMReady,
    VMRemovalBlocked,
    VMTemplated,
)
from common.contracts.servers import ServerSpec
from common.contracts.templates import ClonesQuestion
from tests.fakes.vm_service import SPEC, START, FakeWorld, Killed
from vm_service.domain.orphans import Life, life_of
from vm_service.domain.placement import choose_of, prefer
from vm_service.domain.program import Kind, Stage
from vm_service.domain.survey import Node, Room, Survey, Template, Wishes
from vm_service.domain.trouble import judge
from vm_service.handlers.requests import on_event
from vm_service.handlers.templates import clones_of
from vm_service.handlers.worker import work_on_machine

LATER = START + timedelta(days=1)
BAKE = SPEC.model_copy(update={"purpose": "template", "recipe": "abc", "ports": ()})
GAME = SPEC.model_copy(update={"recipe": "abc"})
TEMPLATE = "srv_0"


async def hear(world: FakeWorld, event: Event) -> None:
    await on_event(event, work=world.memory)


async def run(world: FakeWorld, server: str = TEMPLATE) -> None:
    await work_on_machine(server, work=world.memory, tools=world.tools)


def wish(server: str, spec: ServerSpec) -> DeploymentRequested:
    return DeploymentRequested(
        server_id=server, operation_id=f"op_{server}", spec=spec, deadline=LATER
    )


def sealed(operation: str = f"op_{TEMPLATE}") -> GuestSealed:
    return GuestSealed(server_id=TEMPLATE, operation_id=operation)


async def deploy(world: FakeWorld, server: str, spec: ServerSpec = GAME) -> None:
    await hear(world, wish(server, spec))
    await run(world, server)


@pytest.fixture
async def world() -> FakeWorld:
    """Return a world in which a guest is up that is to become a template."""
    world = FakeWorld()
    await deploy(world, TEMPLATE, BAKE)
    return world


@pytest.fixture
async def baked(world: FakeWorld) -> FakeWorld:
    await hear(world, sealed())
    await run(world)
    return world


async def remove(world: FakeWorld, server: str) -> None:
    asked = RemovalRequested(server_id=server, operation_id="op_z", reason="deleted")
    await hear(world, asked)
    await run(world, server)


class TestABake:
    async def test_a_sealed_guest_becomes_a_template_that_tells_what_it_is(self, world: FakeWorld):
        await hear(world, sealed())
        await run(world)

        machine = world.machines[TEMPLATE]
        [fact] = world.memory.facts(VMTemplated)
        vm = world.hypervisor.vms[machine.vmid or 0]
        assert (fact.vmid, fact.base) == (machine.vmid, 9000)
        assert (vm.template, vm.running) == (True, False)
        assert vm.description.splitlines()[1] == "template: some-game abc"
        assert machine.stage is Stage.TEMPLATE
        assert machine.address is None

    async def test_said_twice_it_is_converted_once(self, baked: FakeWorld):
        await hear(baked, sealed())
        await run(baked)

        assert baked.hypervisor.calls.count("make_template") == 1
        assert len(baked.memory.facts(VMTemplated)) == 2

    async def test_asked_for_again_it_says_again_what_it_has_come_to(self, baked: FakeWorld):
        await hear(baked, wish(TEMPLATE, BAKE))

        assert len(baked.memory.facts(VMTemplated)) == 2

    async def test_what_is_sealed_for_another_operation_concerns_nobody(self, world: FakeWorld):
        await hear(world, sealed("op_older"))
        await run(world)

        assert world.machines[TEMPLATE].stage is Stage.READY

    async def test_a_bake_that_was_called_off_is_not_converted(self, world: FakeWorld):
        await remove(world, TEMPLATE)
        await hear(world, sealed("op_z"))
        await run(world)

        assert world.hypervisor.vms == {}
        assert not world.memory.facts(VMTemplated)

    async def test_a_conversion_that_is_refused_is_a_failure_with_its_reason(
        self, world: FakeWorld
    ):
        def lock(name: str) -> None:
            if name == "make_template":
                for vm in world.hypervisor.vms.values():
                    vm.running = True

        world.hypervisor.before = lock
        await hear(world, sealed())
        await run(world)

        [failed] = world.memory.facts(VMFailed)
        assert (failed.step, "running" in failed.reason) == ("convert", True)

    async def test_a_guest_that_does_not_shut_down_is_not_cut_for_its_seal_may_not_be_written(
        self, world: FakeWorld
    ):
        for vm in world.hypervisor.vms.values():
            vm.listens = False

        await hear(world, sealed())
        await run(world)

        [failed] = world.memory.facts(VMFailed)
        assert (failed.step, "shut down" in failed.reason) == ("shutdown", True)
        assert failed.remedy
        assert not {"stop", "make_template"} & set(world.hypervisor.calls)

    async def test_it_has_all_its_time_for_that_whenever_the_gateway_ends_the_bake(
        self, world: FakeWorld
    ):
        machine = world.machines[TEMPLATE]
        world.machines[TEMPLATE] = replace(machine, deadline=START)

        await hear(world, sealed())
        await run(world)

        assert len(world.memory.facts(VMTemplated)) == 1

    async def test_half_a_template_is_a_failure_never_a_template(self, world: FakeWorld):
        world.hypervisor.template_outcomes = ["out of space: no base image"]

        await hear(world, sealed())
        await run(world)

        [failed] = world.memory.facts(VMFailed)
        assert (failed.step, "out of space" in failed.reason) == ("convert", True)
        assert not world.memory.facts(VMTemplated)
        assert world.hypervisor.calls.count("make_template") == 1

    async def test_a_conversion_that_failed_at_a_further_disk_has_failed(self, world: FakeWorld):
        def convert_the_first(name: str) -> None:
            vm.base = vm.base or name == "task"

        vm = world.hypervisor.vms[world.machines[TEMPLATE].vmid or 0]
        world.hypervisor.before = convert_the_first
        world.hypervisor.template_outcomes = ["out of space: no base image of efidisk0"]

        await hear(world, sealed())
        await run(world)

        [failed] = world.memory.facts(VMFailed)
        assert (failed.step, "efidisk0" in failed.reason) == ("convert", True)
        assert not world.memory.facts(VMTemplated)

    async def test_where_its_task_is_forgotten_the_disk_tells_how_it_has_ended(
        self, world: FakeWorld
    ):
        def forget(name: str) -> None:
            if name == "task":
                vm.base = True
                world.hypervisor.tasks.clear()

        vm = world.hypervisor.vms[world.machines[TEMPLATE].vmid or 0]
        world.hypervisor.before = forget

        await hear(world, sealed())
        world.machines[TEMPLATE] = replace(world.machines[TEMPLATE], step="convert")
        vm.running = False
        await run(world)

        assert len(world.memory.facts(VMTemplated)) == 1

    async def test_a_conversion_that_began_with_nothing_is_tried_again(self, world: FakeWorld):
        def forget(name: str) -> None:
            if name == "task" and world.machines[TEMPLATE].attempt == 1:
                vm.template = False

        vm = world.hypervisor.vms[world.machines[TEMPLATE].vmid or 0]
        world.hypervisor.before = forget
        world.hypervisor.template_outcomes = ["can't lock file - got timeout"]

        await hear(world, sealed())
        await run(world)

        assert len(world.memory.facts(VMTemplated)) == 1

    async def test_half_a_template_whose_task_nobody_remembers_is_never_said_to_be_one(
        self, world: FakeWorld
    ):
        vm = world.hypervisor.vms[world.machines[TEMPLATE].vmid or 0]
        vm.template = True

        await hear(world, sealed())
        await run(world)

        [failed] = world.memory.facts(VMFailed)
        assert "half" in failed.reason
        assert "make_template" not in world.hypervisor.calls

    @pytest.mark.parametrize("cut", range(20))
    async def test_cut_off_anywhere_there_is_one_template(self, world: FakeWorld, cut: int):
        await hear(world, sealed())
        left = [cut]

        def die(_: str) -> None:
            left[0] -= 1
            if left[0] == -1:
                raise Killed

        world.hypervisor.before = world.hypervisor.after = die
        try:
            await run(world)
        except Killed:
            await run(world)

        assert [vm.base for vm in world.hypervisor.vms.values()] == [True]
        assert len(world.memory.facts(VMTemplated)) == 1

    async def test_a_sweep_takes_a_template_for_living(self, baked: FakeWorld):
        assert life_of(baked.machines[TEMPLATE]) is Life.LIVING


class TestAClone:
    async def test_a_server_of_the_game_is_cloned_from_the_template(self, baked: FakeWorld):
        await deploy(baked, "srv_1")

        template, server = baked.machines[TEMPLATE], baked.machines["srv_1"]
        assert server.stage is Stage.READY
        assert server.vmid is not None
        assert baked.hypervisor.vms[server.vmid].cloned_from == template.vmid

    @pytest.mark.parametrize("change", [{"recipe": "other"}, {"game": "chess"}, {"recipe": None}])
    async def test_what_it_was_not_baked_for_is_cloned_from_the_plain_one(
        self, baked: FakeWorld, change: dict[str, str | None]
    ):
        await deploy(baked, "srv_1", GAME.model_copy(update=change))

        assert baked.hypervisor.vms[baked.machines["srv_1"].vmid or 0].cloned_from == 9000

    async def test_another_template_is_baked_from_the_plain_one(self, baked: FakeWorld):
        await deploy(baked, "srv_1", BAKE)

        assert baked.hypervisor.vms[baked.machines["srv_1"].vmid or 0].cloned_from == 9000

    async def test_a_template_that_somebody_has_removed_is_passed_over(self, baked: FakeWorld):
        del baked.hypervisor.vms[baked.machines[TEMPLATE].vmid or 0]

        await deploy(baked, "srv_1")

        assert baked.hypervisor.vms[baked.machines["srv_1"].vmid or 0].cloned_from == 9000

    async def test_a_template_whose_node_is_away_is_passed_over(self, baked: FakeWorld):
        def be_away(name: str) -> None:
            if name == "look" and baked.machines["srv_1"].step == "reserve":
                raise judge("no route to host", status=595)

        baked.hypervisor.before = be_away

        await deploy(baked, "srv_1")

        assert baked.hypervisor.vms[baked.machines["srv_1"].vmid or 0].cloned_from == 9000
        assert baked.machines["srv_1"].stage is Stage.READY

    @pytest.mark.parametrize(
        "text",
        [
            "Permission check failed (/vms/900000, VM.Clone)",
            "Linked clone feature is not supported for drive 'scsi0'",
            "Configuration file 'nodes/pve/qemu-server/900000.conf' does not exist",
            "something nobody has met before",
        ],
    )
    async def test_where_the_template_cannot_be_cloned_the_plain_one_serves(
        self, baked: FakeWorld, text: str
    ):
        vmid = baked.machines[TEMPLATE].vmid
        baked.hypervisor.refused_sources = {vmid or 0: text}

        await deploy(baked, "srv_1")

        server = baked.machines["srv_1"]
        assert (server.stage, server.vmid) == (Stage.READY, 900_001)
        assert baked.hypervisor.vms[server.vmid or 0].cloned_from == 9000
        assert any(text in line for line in baked.memory.lines())

    async def test_where_its_clone_fails_the_plain_one_serves(self, baked: FakeWorld):
        baked.hypervisor.clone_outcomes = ["out of space"]

        await deploy(baked, "srv_1")

        server = baked.machines["srv_1"]
        assert server.stage is Stage.READY
        assert baked.hypervisor.vms[server.vmid or 0].cloned_from == 9000

    async def test_where_the_plain_one_cannot_be_cloned_either_it_has_failed(
        self, baked: FakeWorld
    ):
        baked.hypervisor.clone_outcomes = ["out of space"] * 2

        await deploy(baked, "srv_1")

        [failed] = baked.memory.facts(VMFailed)
        assert (failed.step, failed.reason) == ("clone", "out of space")

    @pytest.mark.parametrize("cut", range(30))
    async def test_cut_off_anywhere_on_the_way_back_there_is_one_vm(
        self, baked: FakeWorld, cut: int
    ):
        baked.hypervisor.clone_outcomes = ["out of space"]
        left = [cut]

        def die(_: str) -> None:
            left[0] -= 1
            if left[0] == -1:
                raise Killed

        baked.hypervisor.before = baked.hypervisor.after = die
        try:
            await deploy(baked, "srv_1")
        except Killed:
            await run(baked, "srv_1")

        assert baked.machines["srv_1"].stage is Stage.READY
        assert len(baked.hypervisor.vms) == 2

    async def test_a_template_without_our_mark_is_passed_over(self, baked: FakeWorld):
        baked.hypervisor.vms[baked.machines[TEMPLATE].vmid or 0].description = "mine now"

        await deploy(baked, "srv_1")

        assert baked.hypervisor.vms[baked.machines["srv_1"].vmid or 0].cloned_from == 9000

    async def test_a_template_on_its_way_out_is_passed_over(self, baked: FakeWorld):
        asked = RemovalRequested(server_id=TEMPLATE, operation_id="op_z", reason="deleted")
        await hear(baked, asked)

        await deploy(baked, "srv_1")

        assert baked.hypervisor.vms[baked.machines["srv_1"].vmid or 0].cloned_from == 9000


class TestARemoval:
    async def test_who_rests_on_a_template_is_told_whatever_is_wished_today(self, baked: FakeWorld):
        await deploy(baked, "srv_1")
        baked.hypervisor.wishes = Wishes(full=True)
        await deploy(baked, "srv_2")

        answer = await clones_of(ClonesQuestion(template_id=TEMPLATE), work=baked.memory)

        assert answer.servers == ("srv_1",)

    async def test_they_are_told_too_once_its_removal_was_refused(self, baked: FakeWorld):
        await deploy(baked, "srv_1")
        await remove(baked, TEMPLATE)

        answer = await clones_of(ClonesQuestion(template_id=TEMPLATE), work=baked.memory)

        assert answer.servers == ("srv_1",)

    async def test_on_what_is_gone_or_was_never_there_nobody_rests(self, baked: FakeWorld):
        await remove(baked, TEMPLATE)

        for asked in (TEMPLATE, "srv_unheard_of"):
            answer = await clones_of(ClonesQuestion(template_id=asked), work=baked.memory)
            assert answer.servers == ()

    async def test_proxmoxs_own_refusal_blocks_it_and_later_it_goes(self, baked: FakeWorld):
        await deploy(baked, "srv_1")
        await remove(baked, TEMPLATE)
        [blocked] = baked.memory.facts(VMRemovalBlocked)

        await remove(baked, "srv_1")
        asked = RemovalRequested(server_id=TEMPLATE, operation_id="op_zz", reason="deleted")
        await hear(baked, asked)
        await run(baked)

        assert "still in use" in blocked.reason
        assert "remove the VMs" in blocked.remedy
        assert baked.hypervisor.vms == {}
        assert len(baked.memory.facts(VMDeleted)) == 2

    async def test_nobody_is_told_to_destroy_it_whatever_rests_on_it(self, baked: FakeWorld):
        [vm] = baked.hypervisor.vms.values()
        vm.lock = "backup"

        await remove(baked, TEMPLATE)

        [blocked] = baked.memory.facts(VMRemovalBlocked)
        assert blocked.remedy.startswith("if no VM was cloned from it: qm ")

    async def test_a_template_is_not_switched_off_before_it_goes(self, baked: FakeWorld):
        baked.hypervisor.calls.clear()

        await remove(baked, TEMPLATE)

        assert "stop" not in baked.hypervisor.calls
        assert baked.hypervisor.vms == {}


class TestThePlace:
    PLAN = SPEC.plan
    BAKED = Template(vmid=900_000, node="a")

    def survey(self, free: int) -> Survey:
        gib = 2**30
        small = Node(name="a", memory=Room(free=free * gib, total=64 * gib))
        large = Node(name="b", memory=Room(free=60 * gib, total=64 * gib))
        plain = tuple(Template(vmid=9000 + n, node=name) for n, name in enumerate("ab"))
        return Survey(nodes=(small, large), templates=plain)

    @pytest.mark.parametrize(("free", "chosen"), [(8, 900_000), (1, 9001)])
    def test_the_template_is_preferred_where_the_vm_fits(self, free: int, chosen: int):
        surveys = prefer([self.BAKED], self.survey(free))

        assert choose_of(self.PLAN, surveys, Wishes(), used={}).template == chosen

    def test_without_one_all_is_as_before(self):
        assert prefer([], self.survey(8)) == [self.survey(8)]


async def test_a_ready_vm_of_a_bake_tells_its_purpose(world: FakeWorld):
    [ready] = world.memory.facts(VMReady)

    assert ready.spec.purpose == "template"
    assert replace(world.machines[TEMPLATE], told=0).kind is Kind.DEPLOY
