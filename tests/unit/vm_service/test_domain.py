"""The tables and the small rules: life cycle, ownership, addresses, host keys."""

import pytest

from common.contracts.servers import Port
from tests.fakes.vm_service import HOST_KEY, SPEC
from vm_service.domain.host_key import host_key, is_set_up
from vm_service.domain.machine import Machine, moved_on
from vm_service.domain.network import VmidRange
from vm_service.domain.ownership import Mark, Sighting, Standing, standing
from vm_service.domain.program import PROGRAMS, PROGRAMS_OFF, Kind, Stage, program
from vm_service.domain.sentences import BEGINNINGS, ENDINGS, beginning
from vm_service.domain.trouble import Trouble
from vm_service.handlers.worker import ACTIONS, PATIENCE, REMOVING

MARK = Mark(install="home", server_id="srv_1", operation_id="op_1")


class TestPrograms:
    @pytest.mark.parametrize(
        ("kind", "power", "steps", "leads_to"),
        [
            ("deploy", "unknown", "reserve clone configure resize start address", "ready"),
            ("start", "unknown", "start address", "ready"),
            ("stop", "unknown", "shutdown", "off"),
            ("restart", "unknown", "reboot address", "ready"),
            ("kill", "unknown", "stop", "off"),
            ("resize", "running", "configure resize reboot address", "ready"),
            ("resize", "stopped", "configure resize", "off"),
            ("reconfigure", "running", "configure address", "ready"),
            ("reconfigure", "stopped", "configure", "off"),
            ("remove", "unknown", "stop destroy", "gone"),
            ("observe", "unknown", "observe", "observed"),
        ],
    )
    def test_a_machine_walks_through_its_program_and_settles(
        self, kind: str, power, steps: str, leads_to: str
    ):
        machine = Machine(
            server_id="srv_1",
            operation_id="op_1",
            kind=Kind(kind),
            stage=Stage.WORKING,
            step=program(Kind(kind)).steps[0],
            power=power,
        )
        walked = []

        while machine.step is not None:
            walked.append(machine.step)
            machine = moved_on(machine)

        assert walked == steps.split()
        assert machine.stage is Stage(leads_to)

    def test_every_step_has_an_action_and_its_sentences(self):
        ways = {**PROGRAMS}, {**PROGRAMS_OFF}
        steps = {(kind, step) for way in ways for kind, p in way.items() for step in p.steps}

        assert set(PROGRAMS) == set(Kind) == set(PATIENCE)
        for kind, step in steps:
            assert step in (REMOVING if kind is Kind.REMOVE else ACTIONS)
        assert {step for _, step in steps} == set(BEGINNINGS) == set(ENDINGS)

    @pytest.mark.parametrize(("cores", "said"), [(1, "1 core,"), (2, "2 cores,")])
    def test_one_core_is_said_in_the_singular(self, cores: int, said: str):
        spec = SPEC.model_copy(update={"plan": SPEC.plan.model_copy(update={"cores": cores})})
        machine = Machine(
            server_id="srv_1",
            operation_id="op_1",
            kind=Kind.DEPLOY,
            stage=Stage.WORKING,
            step="configure",
            spec=spec,
            vmid=900_000,
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

        spec = SPEC.model_copy(update={"ports": ports})
        bare = SPEC.model_copy(update={"ports": ()})
        assert MARK.describe(spec) == "spawnyard:home:srv_1:op_1\nports: udp/30000 tcp/1"
        assert MARK.describe(bare) == "spawnyard:home:srv_1:op_1"


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

    @pytest.mark.parametrize(
        ("text", "done"),
        [
            ('{"v1": {"init": {"errors": [], "finished": 1763743.2, "start": 1763741.0}}}', True),
            ('{"v1": {"init": {"errors": [], "finished": null, "start": 1763741.0}}}', False),
            ('{"v1": {"datasource": null, "stage": "init-local", "init-local": {}}}', False),
            ('{"v2": {}}', None),
            ('{"v1": {"init": {"finished": {}}}}', None),
            ("[" * 10_000, None),
            ("", None),
        ],
    )
    def test_they_are_made_once_cloud_init_has_ended_the_stage_before_ssh(
        self, text: str, done: bool | None
    ):
        assert is_set_up(text) is done
