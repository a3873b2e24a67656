"""A lab that listens, and proxmoxer as its client."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from proxmoxer import ProxmoxAPI

from proxmox_lab.call import Lab
from proxmox_lab.house import Plan, running
from proxmox_lab.release import RELEASES
from tests.contract.lab.persons import House
from tests.fakes.guests import FakeGuests


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Site:
    lab: Lab
    guests: FakeGuests
    plan: Plan
    api: Any

    async def call(self, ask: Callable[..., Any], **parameters: Any) -> Any:
        return await asyncio.to_thread(ask, **parameters)

    async def finished(self, upid: str) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while True:
                status = await self.call(self.api.nodes(upid.split(":")[1]).tasks(upid).status.get)
                if status["status"] == "stopped":
                    return status
                await asyncio.sleep(0.02)


Opened = Callable[..., Any]


@pytest.fixture
def open_lab(tmp_path: Path) -> Opened:
    """Open a lab on the test's own data directory; again and again if the test likes."""

    @asynccontextmanager
    async def opened(
        *, pve: str = "9.2", speed: float = 50.0, nodes: int = 1
    ) -> AsyncGenerator[Site]:
        guests = FakeGuests()
        plan = Plan(
            data=tmp_path / "lab",
            guests=guests,
            release=RELEASES[pve],
            port=free_port(),
            speed=speed,
            nodes=nodes,
        )
        async with running(plan) as lab:
            yield Site(lab, guests, plan, client(plan.data, plan.port))

    return opened


def client(data: Path, port: int) -> Any:
    token = json.loads((data / "token.json").read_text())
    user, _, name = token["token_id"].partition("!")
    return ProxmoxAPI(
        "127.0.0.1",
        port=port,
        user=user,
        token_name=name,
        token_value=token["secret"],
        verify_ssl=str(data / "tls" / "ca.pem"),
        timeout=30,
    )


@pytest.fixture
async def site(open_lab: Opened) -> AsyncIterator[Site]:
    async with open_lab() as opened:
        yield opened


@pytest.fixture
async def house(open_lab: Opened) -> AsyncIterator[House]:
    """A lab of one node, with root and others at the door."""
    async with open_lab() as opened, ClientSession() as client:
        yield House(opened.lab, f"https://127.0.0.1:{opened.plan.port}", client)
