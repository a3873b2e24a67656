"""The hypervisor in use is exchanged without breaking a call that is under way."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import HttpUrl, SecretStr

from common.contracts.hypervisor import HypervisorSettings
from vm_service.adapters.lending import Connection
from vm_service.adapters.live import LiveHypervisor
from vm_service.domain.settings_in_force import InForce
from vm_service.domain.trouble import Trouble, Verdict
from vm_service.domain.vm import Listed
from vm_service.main import live_hypervisor
from vm_service.settings import Settings


@dataclass
class Slow:
    """A hypervisor that answers when it is let."""

    name: str
    go: asyncio.Event = field(default_factory=asyncio.Event)
    is_closed: bool = False

    async def inventory(self) -> Sequence[Listed]:
        await self.go.wait()
        assert not self.is_closed, "closed in the middle of a call"
        return [Listed(vmid=1, node=self.name)]


def settings(host: str) -> HypervisorSettings:
    return HypervisorSettings(
        url=f"https://{host}:8006", token_id="spawnyard@pve!yard", token_secret="x"
    )


def in_force(host: str, revision: int = 1) -> InForce:
    return InForce(source="stored", revision=revision, settings=settings(host))


@pytest.fixture
def made() -> list[Slow]:
    return []


@pytest.fixture
def live(made: list[Slow]) -> LiveHypervisor:
    def connect(told: HypervisorSettings) -> Connection:
        slow: Any = Slow(told.url)
        made.append(slow)
        return Connection(hypervisor=slow, close=lambda: setattr(slow, "is_closed", True))

    return LiveHypervisor(connect)


async def test_a_call_ends_where_it_began_and_only_then_is_it_closed(
    live: LiveHypervisor, made: list[Slow]
):
    live.use(in_force("old"))
    calls = [asyncio.create_task(live.inventory()) for _ in range(2)]
    await asyncio.sleep(0)
    live.use(in_force("new", 2))
    made[1].go.set()

    assert [vm.node for vm in await live.inventory()] == ["https://new:8006"]
    assert not made[0].is_closed
    made[0].go.set()
    assert [(await call)[0].node for call in calls] == ["https://old:8006"] * 2
    assert made[0].is_closed
    assert not made[1].is_closed


async def test_one_that_is_idle_is_closed_at_once(live: LiveHypervisor, made: list[Slow]):
    live.use(in_force("old"))
    live.use(in_force("new", 2))

    assert [slow.is_closed for slow in made] == [True, False]
    live.close()
    assert [slow.is_closed for slow in made] == [True, True]


async def test_a_call_given_up_counts_as_ended(live: LiveHypervisor, made: list[Slow]):
    live.use(in_force("old"))
    call = asyncio.create_task(live.inventory())
    await asyncio.sleep(0)
    live.use(in_force("new", 2))
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)

    assert made[0].is_closed


async def test_one_that_is_held_stays_the_same_and_open_whatever_is_exchanged(
    live: LiveHypervisor, made: list[Slow]
):
    live.use(in_force("old"))

    async with live.held() as held:
        live.use(in_force("new", 2))
        made[0].go.set()
        assert [vm.node for vm in await held.inventory()] == ["https://old:8006"]
        assert not made[0].is_closed

    assert made[0].is_closed


async def test_without_settings_who_holds_is_told_what_to_do(live: LiveHypervisor):
    async with live.held() as held:
        with pytest.raises(Trouble, match="no hypervisor is set up"):
            await held.inventory()


async def test_without_settings_it_says_what_to_do(live: LiveHypervisor):
    with pytest.raises(Trouble, match="no hypervisor is set up") as trouble:
        await live.inventory()

    assert "yard settings hypervisor set" in (trouble.value.remedy or "")


async def test_settings_that_cannot_be_opened_for_now_end_nothing(live: LiveHypervisor):
    live.use(InForce(source="stored", revision=1))

    with pytest.raises(Trouble, match="cannot be opened") as trouble:
        await live.inventory()

    assert trouble.value.verdict is Verdict.UNKNOWN


def test_what_is_reserved_follows_the_settings(live: LiveHypervisor):
    assert list(live.in_force.ids) == []
    live.use(in_force("one"))

    assert live.in_force.vmids.first == 900_000
    assert live.in_force.addresses.networks == settings("one").networks


async def test_a_file_that_holds_no_ca_is_told_at_the_start(tmp_path: Path):
    key, ca = tmp_path / "key.pub", tmp_path / "ca.pem"
    key.write_text("ssh-ed25519 AAAA")
    ca.write_text("nonsense")
    told = Settings(
        database_url=SecretStr("sqlite+aiosqlite://"),
        proxmox_url=HttpUrl("https://127.0.0.1:8006"),
        proxmox_token_id="yard@pve!yard",
        proxmox_token_secret=SecretStr("secret"),
        proxmox_ca_file=ca,
        ssh_public_key_file=key,
        reach="url",
        reach_url="https://127.0.0.1/{vmid}",
    )

    with pytest.raises(ValueError, match="no certificate in PEM"):
        async with live_hypervisor(told):
            pass
