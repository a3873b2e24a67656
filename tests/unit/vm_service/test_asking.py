"""What is asked of Proxmox, and what an answer proves."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest
from pydantic import JsonValue

from tests.unit.vm_service.test_config import SITE
from vm_service.adapters.proxmox.agent import AT_ONCE, ProxmoxAgent
from vm_service.adapters.proxmox.client import Client
from vm_service.adapters.proxmox.hypervisor import Proxmox
from vm_service.adapters.proxmox.tasks import ProxmoxTasks
from vm_service.domain.placement import Place
from vm_service.domain.trouble import Trouble, Verdict

UPIDS = [f"UPID:pve:0000000{n}:00000000:00000000:qmclone:9000:yard@pve!test:" for n in (1, 2)]
TEMPLATES = "create full clone of drive ide2 (vmdata:9000/vm-9000-cloudinit.qcow2)"
FORMATTING = "Formatting '/var/lib/vz/images/900001/vm-900001-disk-0.qcow2', fmt=qcow2"
PLACE = Place(node="pve", template=9000, template_node="pve")


class Terse(Client):
    """Knows no VM, and says nothing more than that."""

    def __init__(self, free: JsonValue = None) -> None:
        self.free = free

    async def get(self, path: str, /, **query: object) -> JsonValue:
        if path.endswith("/config"):
            raise Trouble(Verdict.ABSENT, "Configuration file does not exist")
        return self.free


@pytest.mark.parametrize("answer", ["900000", 900_000])
async def test_an_id_is_free_if_proxmox_says_so(answer: JsonValue):
    assert await Proxmox(Terse(answer), SITE).look("pve", 900_000) is None


@pytest.mark.parametrize("answer", [None, "", "900001", []])
async def test_an_answer_that_says_nothing_does_not_prove_a_vm_gone(answer: JsonValue):
    with pytest.raises(Trouble) as trouble:
        await Proxmox(Terse(answer), SITE).look("pve", 900_000)

    assert trouble.value.verdict is Verdict.UNKNOWN


class Dozing(Client):
    """Guests on one node never answer, those on all others do."""

    def __init__(self) -> None:
        self.waits = asyncio.Event()

    async def post(self, path: str, **form: object) -> JsonValue:
        if "nodes/sick/" in path:
            await self.waits.wait()
        return None

    async def get(self, path: str, /, **query: object) -> JsonValue:
        return {"result": [{"ip-addresses": [{"ip-address": "10.0.0.9"}]}]}


class Logs(Client):
    """Lists two clone tasks of ours, and counts how often it is asked for their logs."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {UPIDS[0]: [], UPIDS[1]: [FORMATTING]}
        self.asked: list[str] = []

    async def get(self, path: str, /, **query: object) -> JsonValue:
        if path.endswith("/status"):
            return {"status": "running"}
        if not path.endswith("/log"):
            return [{"upid": upid, "starttime": 1} for upid in UPIDS]
        upid = path.split("/")[3]
        self.asked.append(upid)
        return [{"n": 1, "t": TEMPLATES}, *({"n": 2, "t": line} for line in self.lines[upid])]


async def test_a_task_is_asked_once_what_it_makes_and_again_until_it_has_told():
    logs = Logs()
    tasks = ProxmoxTasks(logs, token_id="yard@pve!test")

    async def found(vmid: int) -> str | None:
        return await tasks.find_clone(PLACE, vmid, since=datetime(2026, 1, 1, tzinfo=UTC))

    assert await found(9000) is None
    assert await found(900_000) is None
    assert await found(900_001) == UPIDS[1]
    assert logs.asked.count(UPIDS[1]) == 1

    logs.lines[UPIDS[0]] = ["creating a clone of VM 9000 with ID 900000"]
    assert await found(900_000) == UPIDS[0]
    assert logs.asked.count(UPIDS[1]) == 1


async def test_silent_guests_of_one_node_keep_nobody_waiting_on_another():
    agent = ProxmoxAgent(Dozing())
    asked = [
        asyncio.create_task(agent.guest_addresses("sick", 900_000 + number))
        for number in range(AT_ONCE + 1)
    ]
    await asyncio.sleep(0)

    async with asyncio.timeout(10):
        assert await agent.guest_addresses("sound", 900_100) == ["10.0.0.9"]

    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)


class Deaf(Client):
    """Guests that never answer, which is told when the test lets it; one is awake."""

    def __init__(self, awake: int) -> None:
        self.awake = f"/{awake}/"
        self.asked: list[str] = []
        self.time_is_up: list[asyncio.Event] = []

    async def post(self, path: str, **form: object) -> JsonValue:
        self.asked.append(path)
        if self.awake not in path:
            self.time_is_up.append(event := asyncio.Event())
            await event.wait()
            raise Trouble(Verdict.NOT_YET, "QEMU guest agent is not running")
        return None

    async def get(self, path: str, /, **query: object) -> JsonValue:
        return {"result": [{"ip-addresses": [{"ip-address": "10.0.0.9"}]}]}

    async def let_go_on(self) -> None:
        """Tell of those that were asked that they do not answer; let whoever waits go on."""
        events, self.time_is_up = self.time_is_up, []
        for event in events:
            event.set()
        for _ in range(100):
            await asyncio.sleep(0)


async def ask_on_and_on(agent: ProxmoxAgent, vmid: int) -> None:
    while True:
        with suppress(Trouble):
            await agent.guest_addresses("pve", vmid)


@asynccontextmanager
async def crowd(agent: ProxmoxAgent, size: int) -> AsyncGenerator[None]:
    """Have that many guests asked on and on until the block ends."""
    asking = [asyncio.create_task(ask_on_and_on(agent, 900_000 + n)) for n in range(size)]
    try:
        yield
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def test_a_guest_that_boots_does_not_wait_for_a_crowd_that_never_answers():
    client = Deaf(awake=900_100)
    agent = ProxmoxAgent(client)
    async with crowd(agent, 20):
        while len(set(client.asked)) < 20:
            await client.let_go_on()

        one = asyncio.create_task(agent.guest_addresses("pve", 900_100))
        await client.let_go_on()

        assert one.done()
        assert await one == ["10.0.0.9"]


async def test_of_those_that_never_answer_none_is_forgotten():
    client = Deaf(awake=0)
    agent = ProxmoxAgent(client)
    async with crowd(agent, 5):
        for _ in range(50):
            await client.let_go_on()

        times = Counter(client.asked).values()
        assert len(times) == 5
        assert max(times) - min(times) <= 1


async def test_who_no_longer_wants_to_know_holds_no_turn():
    client = Deaf(awake=900_100)
    agent = ProxmoxAgent(client)
    for _ in range(2):
        async with crowd(agent, 5):
            await client.let_go_on()

    async with asyncio.timeout(10):
        assert await agent.guest_addresses("pve", 900_100) == ["10.0.0.9"]


class Removing(Client):
    """Notes what is removed, and with which parameters."""

    def __init__(self) -> None:
        self.removed: list[tuple[str, dict[str, object]]] = []

    async def delete(self, path: str, **query: object) -> JsonValue:
        self.removed.append((path, query))
        return UPIDS[0]


async def test_a_vm_goes_with_all_that_mentions_it_and_with_disks_nobody_refers_to():
    client = Removing()

    await Proxmox(client, SITE).destroy("pve", 900_000)

    wanted: dict[str, object] = {"purge": True, "destroy-unreferenced-disks": True}
    assert client.removed == [("nodes/pve/qemu/900000", wanted)]
