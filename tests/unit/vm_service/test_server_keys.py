"""A guest gets the SSH key that the provisioner has made for it, and waits for it if need be."""

from dataclasses import replace

import pytest
from nats.errors import NoRespondersError

from common.contracts.base import now
from common.contracts.server_keys import SshKeyAnswer, SshKeyQuestion
from common.messaging.ask import DONE, REFUSED, STATUS, Refusal
from tests.fakes.vm_service import SPEC, FakeKeys, FakeWorld
from vm_service.adapters.server_keys import AskedKeys
from vm_service.domain.machine import planned
from vm_service.domain.program import Kind, Stage
from vm_service.domain.trouble import Trouble, Verdict
from vm_service.handlers.worker import work_on_machine


@pytest.fixture
def keys() -> FakeKeys:
    return FakeKeys()


@pytest.fixture
def world(keys: FakeKeys) -> FakeWorld:
    world = FakeWorld()
    world.tools = replace(world.tools, keys=keys)
    world.machines["srv_1"] = planned(
        server_id="srv_1", operation_id="op_1", spec=SPEC, deadline=now()
    )
    return world


async def run(world: FakeWorld) -> None:
    await work_on_machine("srv_1", work=world.memory, tools=world.tools)


async def test_a_new_guest_has_a_key_of_its_own(world: FakeWorld, keys: FakeKeys):
    await run(world)

    [vm] = world.hypervisor.vms.values()
    assert vm.ssh_key == keys.rows["srv_1"]
    assert world.machines["srv_1"].stage is Stage.READY


async def test_while_nobody_answers_it_waits_and_says_so(world: FakeWorld, keys: FakeKeys):
    keys.silent_for = 3

    await run(world)

    assert world.machines["srv_1"].stage is Stage.READY
    assert any("waiting for the server's SSH key" in line for line in world.memory.lines())


async def test_if_nobody_ever_answers_it_fails_before_the_guest_has_booted(
    world: FakeWorld, keys: FakeKeys
):
    keys.silent_for = 1_000_000

    await run(world)

    assert world.machines["srv_1"].stage is Stage.FAILED
    assert not any(vm.running for vm in world.hypervisor.vms.values())


async def test_a_guest_from_before_is_given_no_key_it_would_not_learn(
    world: FakeWorld, keys: FakeKeys
):
    world.tools = replace(world.tools, keys=None)
    await run(world)
    world.tools = replace(world.tools, keys=keys)
    machine = world.machines["srv_1"]
    world.machines["srv_1"] = replace(
        machine, kind=Kind.RECONFIGURE, stage=Stage.WORKING, step="configure", attempt=0
    )

    await run(world)

    [vm] = world.hypervisor.vms.values()
    assert (vm.ssh_key, keys.rows) == (None, {})
    assert vm.configured == 2


class FakeBus:
    """The bus as far as a question needs it."""

    def __init__(self, status: str, data: bytes) -> None:
        self.client = self
        self.headers = {STATUS: status}
        self.data = data
        self.asked: list[tuple[str, bytes]] = []

    async def request(self, subject: str, body: bytes, *, timeout: float) -> "FakeBus":
        self.asked.append((subject, body))
        if not self.headers[STATUS]:
            raise NoRespondersError
        return self


def refusal(code: str) -> bytes:
    return Refusal(code=code, detail="no").model_dump_json().encode()


async def test_the_provisioner_is_asked_for_this_server_s_key():
    bus = FakeBus(DONE, SshKeyAnswer(public="ssh-ed25519 A").model_dump_json().encode())

    told = await AskedKeys(bus).public("srv_1", make=True)  # type: ignore[arg-type]

    assert told == "ssh-ed25519 A"
    [(subject, body)] = bus.asked
    assert subject == "ask.provisioner.ssh_key"
    assert SshKeyQuestion.model_validate_json(body) == SshKeyQuestion(server_id="srv_1", make=True)


async def test_a_provisioner_from_before_opens_all_guests_with_its_one_key():
    bus = FakeBus(REFUSED, refusal("unknown_question"))

    assert await AskedKeys(bus).public("srv_1", make=True) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bus", "verdict"),
    [
        (FakeBus("", b""), Verdict.BUSY),
        (FakeBus(REFUSED, refusal("internal_error")), Verdict.BUSY),  # its database is away, say
        (FakeBus(DONE, b"no json"), Verdict.FAULT),
    ],
)
async def test_without_an_answer_it_is_a_trouble_to_be_tried_again(bus: FakeBus, verdict: Verdict):
    with pytest.raises(Trouble) as met:
        await AskedKeys(bus).public("srv_1", make=True)  # type: ignore[arg-type]

    assert met.value.verdict is verdict
