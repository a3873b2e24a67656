"""The tables and the small rules: life cycle, ownership, addresses, host keys."""

import pytest

from common.contracts.servers import Port
from tests.fakes.vm_service import HOST_KEY, SPEC
from vm_service.domain.host_key import host_key
from vm_service.domain.machine import STEPS, UNSETTLED, Machine, Stage
from vm_service.domain.network import VmidRange
from vm_service.domain.ownership import Mark, Sighting, Standing, standing
from vm_service.domain.telling import BEGINNINGS, ENDINGS, beginning
from vm_service.domain.trouble import Trouble
from vm_service.handlers.worker import ACTIONS

MARK = Mark(install="home", server_id="srv_1", operation_id="op_1")


class TestLifeCycle:
    def test_every_unsettled_stage_leads_to_a_settled_one(self):
        for first in UNSETTLED:
            stage, seen = first, set[Stage]()
            while stage in STEPS:
                assert stage not in seen
                seen.add(stage)
                stage = STEPS[stage].leads_to
            assert stage in {Stage.READY, Stage.GONE}

    def test_every_step_has_an_action_and_its_sentences(self):
        names = {step.name for step in STEPS.values()}

        assert set(ACTIONS) == set(STEPS)
        assert names == set(BEGINNINGS) == set(ENDINGS)

    @pytest.mark.parametrize(("cores", "said"), [(1, "1 core,"), (2, "2 cores,")])
    def test_one_core_is_said_in_the_singular(self, cores: int, said: str):
        spec = SPEC.model_copy(update={"plan": SPEC.plan.model_copy(update={"cores": cores})})
        machine = Machine(
            server_id="srv_1", operation_id="op_1", stage=Stage.CLONED, spec=spec, vmid=900_000
        )

        assert said in beginning(machine)


class TestOwnership:
    @pytest.mark.parametrize(
        ("sighting", "verdict"),
        [
            (None, Standing.ABSENT),
            (Sighting(node="pve", description="spawnyard:home:srv_1:op_9"), Standing.OURS),
            (Sighting(node="pve", description="note\nspawnyard:home:srv_1:op_1"), Standing.OURS),
            (Sighting(node="pve", description="spawnyard:home:srv_11:op_1"), Standing.FOREIGN),
            (Sighting(node="pve", description="spawnyard:other:srv_1:op_1"), Standing.FOREIGN),
            (Sighting(node="pve", description="a spawnyard:home:srv_1:op_1"), Standing.FOREIGN),
            (Sighting(node="pve"), Standing.FOREIGN),
            (Sighting(node="pve", lock="clone"), Standing.UNPROVEN),
            (Sighting(node="pve", hidden=True), Standing.UNPROVEN),
            (
                Sighting(node="pve", description="spawnyard:home:srv_1:op_1", lock="backup"),
                Standing.OURS,
            ),
        ],
    )
    def test_only_the_mark_proves_that_a_vm_is_ours(
        self, sighting: Sighting | None, verdict: Standing
    ):
        assert standing(sighting, MARK) is verdict

    def test_the_description_is_the_mark_and_then_the_ports(self):
        ports = (
            Port(name="a", protocol="udp", number=30000),
            Port(name="b", protocol="tcp", number=1),
        )

        assert MARK.describe(ports) == "spawnyard:home:srv_1:op_1\nports: udp/30000 tcp/1"
        assert MARK.describe(()) == "spawnyard:home:srv_1:op_1"


class TestVmIds:
    def test_vm_ids_go_on_and_begin_again_at_the_end(self):
        vmids = VmidRange(first=10, last=13)

        assert vmids.pick(newest=None, taken=set()) == 10
        assert vmids.pick(newest=11, taken={12}) == 13
        assert vmids.pick(newest=13, taken={10, 13}) == 11
        with pytest.raises(Trouble, match="no VM id is free"):
            vmids.pick(newest=12, taken={10, 11, 12, 13})


class TestHostKey:
    def test_one_key_is_taken_without_its_comment(self):
        assert host_key(f"{HOST_KEY} root@guest\n") == HOST_KEY
        assert host_key(HOST_KEY) == HOST_KEY

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            "ssh-ed25519 !!!!",
            HOST_KEY.replace("ssh-ed25519", "ssh-rsa"),
            f"{HOST_KEY} x\n{HOST_KEY} y\n",
            f"@cert-authority * {HOST_KEY}",
            f"{HOST_KEY} {'x' * 2000}",
        ],
    )
    def test_anything_else_is_refused(self, text: str):
        assert host_key(text) is None
