"""The whole service as a process of its own: heard on the bus, killed, started again."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from common.contracts import events
from common.contracts.base import Event, now
from common.contracts.events import (
    ChangeRequested,
    DeploymentRequested,
    RemovalRequested,
    VMDeleted,
    VMReady,
)
from common.contracts.server_keys import QUESTION, SERVICE, SshKeyAnswer
from common.messaging.ask import answer_questions
from common.messaging.connection import Bus
from tests.conftest import free_port
from tests.fakes.vm_service import HOST_KEY, SPEC
from tests.integration.vm_service.conftest import Opened, Site
from tests.servers import NatsServer, end, spawn

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


class Process:
    """``python -m vm_service.main``, which may be killed and started again."""

    def __init__(self, site: Site, nats: NatsServer, directory: Path) -> None:
        self.port = free_port()
        self.log = directory / "vm-service.log"
        self.environment = environment(site, nats, self.port)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["/usr/bin/env", *self.environment, sys.executable, "-m", "vm_service.main"]
        self.process = spawn(command, log=self.log)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int | None:
        assert self.process is not None
        end(self.process)
        return self.process.returncode


def environment(site: Site, nats: NatsServer, port: int) -> list[str]:
    settings = site.settings
    assert settings.proxmox_token_secret is not None
    variables: Mapping[str, object] = {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "NATS_URL": nats.url,
        "PORT": port,
        "PROXMOX_URL": settings.proxmox_url,
        "PROXMOX_TOKEN_ID": settings.proxmox_token_id,
        "PROXMOX_TOKEN_SECRET": settings.proxmox_token_secret.get_secret_value(),
        "PROXMOX_CA_FILE": settings.proxmox_ca_file,
        "SSH_PUBLIC_KEY_FILE": settings.ssh_public_key_file,
        "REACH": "url",
        "REACH_URL": settings.reach_url,
    }
    path = os.pathsep.join(filter(None, sys.path))
    return [f"PYTHONPATH={path}", *(f"SPAWNYARD_{name}={v}" for name, v in variables.items())]


@pytest.fixture
async def site(open_site: Opened) -> AsyncIterator[Site]:
    async with open_site(speed=1.0) as site:
        yield site


@pytest.fixture
def process(site: Site, nats_server: NatsServer, tmp_path: Path) -> Iterator[Process]:
    process = Process(site, nats_server, tmp_path)
    process.start()
    yield process
    process.stop()


@pytest.fixture(autouse=True)
async def provisioner(bus: Bus) -> AsyncIterator[None]:
    """Answer for the provisioner, which makes the guests' keys."""

    async def ssh_key(_: bytes) -> bytes:
        return SshKeyAnswer(public=f"{HOST_KEY} server").model_dump_json().encode()

    answering = asyncio.ensure_future(answer_questions(bus, SERVICE, {QUESTION: ssh_key}))
    yield
    answering.cancel()
    await asyncio.wait({answering})


Heard = list[Event]


@pytest.fixture
async def heard(bus: Bus) -> AsyncIterator[Heard]:
    facts: Heard = []

    async def hear(message) -> None:
        facts.append(events.decode(message.data))

    subscription = await bus.client.subscribe("evt.>", cb=hear)
    yield facts
    await subscription.unsubscribe()


async def say(bus: Bus, event: Event) -> None:
    await bus.js.publish(
        event.subject, event.model_dump_json().encode(), headers={"Nats-Msg-Id": event.id}
    )


async def until(condition: Callable[[], bool], *, seconds: float = 100) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def of(facts: Heard, kind: type[Event]) -> Heard:
    return [fact for fact in facts if isinstance(fact, kind)]


@pytest.mark.parametrize("killed_at", ["clone", "configure", "address"])
async def test_killed_in_the_middle_it_ends_with_one_vm_and_one_announcement(
    bus: Bus, site: Site, process: Process, heard: Heard, killed_at: str
):
    def began() -> bool:
        return any(getattr(fact, "step", None) == killed_at for fact in heard)

    wish = DeploymentRequested(server_id="srv_1", operation_id="op_1", spec=SPEC, deadline=now())
    await say(bus, wish)
    await until(began)
    process.kill()
    process.start()
    await until(lambda: bool(of(heard, VMReady)))
    await say(bus, RemovalRequested(server_id="srv_1", operation_id="op_2", reason="deleted"))
    await until(lambda: bool(of(heard, VMDeleted)))

    assert site.tasks("qmclone") == 1
    assert len({fact.id for fact in of(heard, VMReady)}) == 1
    assert site.machines() == {}


async def test_it_tells_how_it_is_and_drains_when_asked(site: Site, bus: Bus, process: Process):
    async with httpx.AsyncClient(trust_env=False) as http:

        async def checks() -> dict[str, str]:
            try:
                answer = await http.get(f"http://127.0.0.1:{process.port}/readyz")
            except httpx.HTTPError:
                return {}
            return answer.json()["checks"]

        async with asyncio.timeout(100):
            while set((await checks()).values()) != {"ok"}:
                await asyncio.sleep(0.1)
        assert set(await checks()) == {"database", "messages", "hypervisor"}

    assert process.stop() == 0


@pytest.mark.parametrize(("kind", "killed_at"), [("restart", "reboot"), ("resize", "resize")])
async def test_killed_in_the_middle_of_a_change_it_ends_with_one_announcement(
    bus: Bus, site: Site, process: Process, heard: Heard, kind, killed_at: str
):
    wish = DeploymentRequested(server_id="srv_1", operation_id="op_1", spec=SPEC, deadline=now())
    await say(bus, wish)
    await until(lambda: bool(of(heard, VMReady)))
    deadline = now() + timedelta(minutes=5)
    plan = SPEC.plan.model_copy(update={"cores": 4, "disk_gib": 16})
    change = ChangeRequested(
        server_id="srv_1",
        operation_id="op_2",
        kind=kind,
        spec=SPEC.model_copy(update={"plan": plan}),
        deadline=deadline,
    )
    await say(bus, change)

    def outcomes() -> dict[str, object]:
        return {f.id: getattr(f, "kind", None) for f in of(heard, VMReady)}

    await until(lambda: ("op_2", killed_at) in {_step(fact) for fact in heard})
    process.kill()
    process.start()
    await until(lambda: len(outcomes()) == 2)

    assert list(outcomes().values()) == ["deploy", kind]
    assert len(site.machines()) == 1


def _step(fact: Event) -> tuple[str, object]:
    return fact.operation_id, getattr(fact, "step", None)
