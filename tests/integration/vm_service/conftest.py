"""The vm-service's own adapters on a real database and a listening lab."""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import HttpUrl, SecretStr
from sqlalchemy import text

from common.bell import Bell
from common.contracts import events, logs
from common.contracts.base import Event, now
from common.contracts.events import DeploymentRequested, RemovalRequested
from common.contracts.servers import ServerSpec
from common.db.engine import Sessions, database
from common.db.migrate import migrate
from common.db.work import UnitOfWork
from proxmox_lab.call import Lab
from proxmox_lab.guests.port import Guest, GuestConfig
from proxmox_lab.house import Plan, running
from proxmox_lab.release import RELEASES
from tests.conftest import free_port
from tests.fakes.guests import FakeGuests
from tests.fakes.vm_service import HOST_KEY, SPEC
from vm_service.adapters.live import LiveHypervisor
from vm_service.adapters.reach import url_reach
from vm_service.adapters.sql import SqlWork
from vm_service.handlers.requests import on_event
from vm_service.handlers.tools import Tools
from vm_service.handlers.turns import Turns
from vm_service.handlers.worker import work_on_machine
from vm_service.main import MIGRATIONS, live_hypervisor, unit_of_work
from vm_service.settings import Settings

E = TypeVar("E", bound=Event)

# An RSA key nearly always holds slashes and plus signs, on which a careless client stumbles.
SSH_KEY = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .public_key()
    .public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    .decode()
    + " yard@test"
)


class KeyedGuests(FakeGuests):
    """Guests whose host key is one."""

    async def create(self, config: GuestConfig) -> Guest:
        guest = await super().create(config)
        files = self.made[config.vmid].files
        files["/etc/ssh/ssh_host_ed25519_key.pub"] = f"{HOST_KEY} root@guest\n".encode()
        return guest


@dataclass
class Site:
    """A listening lab, and how the vm-service is told of it."""

    lab: Lab
    guests: KeyedGuests
    settings: Settings
    panel: httpx.AsyncClient

    async def break_(self, **rule: object) -> None:
        answer = await self.panel.post("/lab/faults", json=rule)
        assert answer.status_code == 201, answer.text

    def machines(self) -> dict[int, Any]:
        """Return all but the template."""
        return {vmid: m for vmid, m in self.lab.site.machines.items() if not m.is_template}

    def tasks(self, kind: str) -> int:
        return sum(task.upid.type == kind for task in self.lab.tasks.newest_first())


def settings_for(data: Path, url: str, database_url: str) -> Settings:
    token = json.loads((data / "token.json").read_text())
    key = data / "key.pub"
    key.write_text(f"{SSH_KEY}\n")
    return Settings(
        database_url=SecretStr(database_url),
        proxmox_url=HttpUrl(url),
        proxmox_token_id=token["token_id"],
        proxmox_token_secret=token["secret"],
        proxmox_ca_file=data / "tls" / "ca.pem",
        ssh_public_key_file=key,
        reach="url",
        reach_url=f"{url}/lab/vms/{{vmid}}/endpoint",
    )


Opened = Callable[..., Any]


@pytest.fixture
def open_site(tmp_path: Path, database_url: str) -> Opened:
    """Open a lab; again on the same data if the test likes."""

    @asynccontextmanager
    async def opened(
        *, pve: str = "9.2", speed: float = 20.0, nodes: int = 1
    ) -> AsyncGenerator[Site]:
        guests, data, port = KeyedGuests(), tmp_path / "lab", free_port()
        release = RELEASES[pve]
        plan = Plan(data=data, guests=guests, release=release, port=port, speed=speed, nodes=nodes)
        url = f"https://127.0.0.1:{port}"
        async with running(plan) as lab:
            trusted = ssl.create_default_context(cafile=data / "tls" / "ca.pem")
            async with httpx.AsyncClient(base_url=url, verify=trusted, trust_env=False) as panel:
                yield Site(lab, guests, settings_for(data, url, database_url), panel)

    return opened


@pytest.fixture
def pve() -> str:
    """Return the Proxmox release to be the lab's; a module marked ``on_both`` has each in turn."""
    return "9.2"


on_both = pytest.mark.parametrize("pve", ["8.4", "9.2"])


@pytest.fixture
async def site(open_site: Opened, pve: str) -> AsyncIterator[Site]:
    async with open_site(pve=pve) as opened:
        yield opened


@dataclass
class Service:
    """The vm-service without bus and worker loop: what it hears is handed to it."""

    sessions: Sessions
    work: UnitOfWork[SqlWork]
    hypervisor: LiveHypervisor
    tools: Tools

    async def hear(self, event: Event) -> None:
        await on_event(event, work=self.work)

    async def want(
        self, server_id: str = "srv_1", operation_id: str = "op_1", *, spec: ServerSpec = SPEC
    ) -> None:
        await self.hear(
            DeploymentRequested(
                server_id=server_id, operation_id=operation_id, spec=spec, deadline=now()
            )
        )

    async def refuse(self, server_id: str = "srv_1", operation_id: str = "op_2") -> None:
        await self.hear(
            RemovalRequested(server_id=server_id, operation_id=operation_id, reason="deleted")
        )

    async def go(self, server_id: str = "srv_1", *, within: float = 100) -> None:
        async with asyncio.timeout(within):
            await work_on_machine(server_id, work=self.work, tools=self.tools)

    async def said(self, kind: type[E]) -> list[E]:
        return [event for event in await self._events() if isinstance(event, kind)]

    async def _events(self) -> list[Event]:
        return [events.decode(body) for body in await self._bodies("evt.%")]

    async def lines(self) -> list[str]:
        batches = [logs.decode(body) for body in await self._bodies("log.%")]
        return [line.text for batch in batches for line in batch.lines]

    async def _bodies(self, subject: str) -> list[bytes]:
        query = text("SELECT body FROM outbox WHERE subject LIKE :s ORDER BY position")
        async with self.sessions() as session:
            return [row.body.encode() for row in await session.execute(query, {"s": subject})]


@asynccontextmanager
async def service_of(settings: Settings) -> AsyncGenerator[Service]:
    url = settings.database_url.get_secret_value()
    assert settings.reach_url is not None
    await migrate(url, MIGRATIONS)
    async with (
        database(url) as sessions,
        url_reach(settings.reach_url, ca_file=settings.proxmox_ca_file) as reach,
        live_hypervisor(settings) as hypervisor,
    ):
        tools = Tools(
            hypervisor=hypervisor,
            reach=reach,
            install=settings.install_id,
            clones=Turns(settings.clone_limit),
        )
        work = unit_of_work(hypervisor, sessions, Bell())
        yield Service(sessions, work, hypervisor, tools)


@pytest.fixture
async def service(site: Site) -> AsyncIterator[Service]:
    async with service_of(site.settings) as service:
        yield service
