"""What is asked of Proxmox, and what an answer proves."""

import asyncio

import pytest
from pydantic import JsonValue

from tests.unit.vm_service.test_config import SITE
from vm_service.adapters.proxmox.agent import AT_ONCE, ProxmoxAgent
from vm_service.adapters.proxmox.client import Client
from vm_service.adapters.proxmox.hypervisor import Proxmox
from vm_service.domain.trouble import Trouble, Verdict


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
