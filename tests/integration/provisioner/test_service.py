"""The whole service on a real bus: from ``vm.ready`` to ``server.ready``, killed or not."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.contracts import events as evt
from common.contracts import logs
from common.contracts.sealed import packed
from common.messaging.connection import Bus
from common.security.sealing import read_sealing
from tests.fakes.provisioner import SERVER, SPEC, cancel, removal, vm_ready
from tests.integration.provisioner.conftest import PLAYBOOKS, Site
from tests.servers import NatsServer

CANARY = "canary-4d2a-geheim"

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


class Service:
    """``python -m provisioner.main``, to be started and killed at will."""

    def __init__(self, settings: dict[str, str], port: int) -> None:
        self.settings, self.port = settings, port
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "provisioner.main"),
            env={**os.environ, **{f"SPAWNYARD_{k}": v for k, v in self.settings.items()}},
        )

    async def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await self.process.wait()


@pytest.fixture
async def service(
    nats_server: NatsServer,
    site: Site,
    runs: Path,
    tmp_path: Path,
    sealing_key: Path,
    ports: Callable[[], int],
) -> AsyncGenerator[Service]:
    port = ports()
    settings = {
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/provisioner.db",
        "NATS_URL": nats_server.url,
        "PORT": str(port),
        "SSH_PRIVATE_KEY_FILE": str(site.key_file),
        "SEALING_KEY_FILE": str(sealing_key),
        "PLAYBOOKS_DIR": str(PLAYBOOKS),
        "RUNS_DIR": str(runs),
        "LOG_LEVEL": "WARNING",
    }
    service = Service(settings, port)
    yield service
    await service.kill()


class Heard:
    """Everything said on the bus."""

    def __init__(self) -> None:
        self.events: list[evt.AnyEvent] = []
        self.lines: list[logs.LogLine] = []

    async def listen(self, bus: Bus) -> None:
        async def event(message) -> None:
            self.events.append(evt.decode(message.data))

        async def batch(message) -> None:
            self.lines += logs.decode(message.data).lines

        await bus.client.subscribe("evt.>", cb=event)
        await bus.client.subscribe("log.>", cb=batch)
        await bus.client.flush()

    async def until(self, is_there: Callable[["Heard"], bool]) -> None:
        while not is_there(self):
            await asyncio.sleep(0.02)

    def said(self, kind: type[evt.Event]) -> list[evt.Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def heard(bus: Bus) -> Heard:
    heard = Heard()
    await heard.listen(bus)
    return heard


@pytest.fixture
def request_run(bus: Bus, site: Site) -> Callable[..., Awaitable[None]]:
    async def publish(**changes: Any) -> None:
        spec = SPEC.model_copy(update={"game": "luanti", "settings": {"motd": "{{ hi }}"}})
        event = vm_ready(endpoint=site.endpoint, host_keys=(site.host_key,), spec=spec, **changes)
        await bus.js.publish(event.subject, event.model_dump_json().encode())

    return publish


async def test_a_ready_vm_becomes_a_server_and_every_task_is_told(
    service: Service, heard: Heard, request_run: Callable[[], Awaitable[None]]
):
    await service.start()
    await request_run()

    await heard.until(lambda h: bool(h.said(evt.ServerReady) or h.said(evt.ServerFailed)))

    assert not heard.said(evt.ServerFailed), heard.said(evt.ServerFailed)
    texts = [line.text for line in heard.lines]
    changed = [text for text in texts if text.startswith("changed: ")]
    assert any("Install the packages" in text for text in changed), changed
    async with httpx.AsyncClient() as client:
        ready = await client.get(f"http://127.0.0.1:{service.port}/readyz")
    assert ready.json()["checks"] == {"database": "ok", "messages": "ok", "playbooks": "ok"}
    assert await service.kill(signal.SIGTERM) == 0


async def test_killed_in_mid_playbook_it_finishes_after_its_restart(
    service: Service, heard: Heard, request_run: Callable[[], Awaitable[None]]
):
    await service.start()
    await request_run()
    await heard.until(lambda h: any("Install" in line.text for line in h.lines))

    await service.kill()
    await service.start()
    await heard.until(lambda h: bool(h.said(evt.ServerReady) or h.said(evt.ServerFailed)))

    assert len(heard.said(evt.ServerReady)) == 1
    assert any("(attempt 2)" in line.text for line in heard.lines)


@pytest.mark.parametrize("request_end", [removal, cancel])
async def test_a_run_not_wanted_any_more_is_stopped_within_ten_seconds(
    service: Service,
    heard: Heard,
    bus: Bus,
    request_run: Callable[[], Awaitable[None]],
    request_end: Callable[[], evt.Event],
):
    await service.start()
    await request_run()
    await heard.until(lambda h: any("Install" in line.text for line in h.lines))
    assert _playing(service)

    request = request_end()
    await bus.js.publish(request.subject, request.model_dump_json().encode())
    async with asyncio.timeout(10):
        while _playing(service):
            await asyncio.sleep(0.05)

    assert not heard.said(evt.ServerReady)
    assert not heard.said(evt.ServerFailed)


async def test_a_start_takes_three_steps_and_plays_nothing_again(
    service: Service, heard: Heard, bus: Bus, request_run: Callable[..., Awaitable[None]]
):
    await service.start()
    await request_run()
    await heard.until(lambda h: bool(h.said(evt.ServerReady)))
    tasks = [line for line in heard.lines if line.step == "playbook"]

    await request_run(operation_id="op_6", kind="start")
    await heard.until(lambda h: len(h.said(evt.ServerReady)) == 2)

    details = [event.detail for event in heard.events if isinstance(event, evt.StepChanged)]
    assert "nothing has changed since it was last applied" in details
    again = [line for line in heard.lines if line.step == "playbook"]
    assert len(again) == len(tasks) + 1


async def test_a_secret_reaches_the_guest_s_file_and_nothing_else(
    service: Service, heard: Heard, bus: Bus, site: Site, sealing_key: Path, tmp_path: Path
):
    place = {"server_id": SERVER, "pointer": "/password"}
    envelope = read_sealing(sealing_key).seal(packed(CANARY), **place)
    spec = SPEC.model_copy(update={"game": "luanti", "settings": {"password": envelope}})
    event = vm_ready(endpoint=site.endpoint, host_keys=(site.host_key,), spec=spec)
    await service.start()
    seen: set[str] = set()
    watching = asyncio.ensure_future(_watch_processes(seen))
    await bus.js.publish(event.subject, event.model_dump_json().encode())

    await heard.until(lambda h: bool(h.said(evt.ServerReady) or h.said(evt.ServerFailed)))

    watching.cancel()
    assert not heard.said(evt.ServerFailed), heard.said(evt.ServerFailed)
    assert f"default_password = {CANARY}\n" in await site.read("/etc/luanti/default.conf")
    assert any(line.text.startswith("changed: Write the settings") for line in heard.lines)
    assert CANARY not in "".join(line.text for line in heard.lines)
    assert CANARY not in "".join(event.model_dump_json() for event in heard.events)
    assert seen
    assert not any(CANARY in told for told in seen)
    await service.kill(signal.SIGTERM)
    guest = tmp_path / "lab"
    kept = _files(tmp_path, Path(service.settings["RUNS_DIR"]))
    assert not [p for p in kept if guest not in p.parents and CANARY.encode() in _content(p)]
    assert envelope in (tmp_path / "provisioner.db").read_bytes().decode(errors="replace")


async def _watch_processes(seen: set[str]) -> None:
    """Note the command line and environment of all processes, again and again."""
    while True:
        for file in (
            f for p in Path("/proc").glob("[0-9]*") for f in (p / "cmdline", p / "environ")
        ):
            with suppress(OSError):
                seen.add(file.read_bytes().decode(errors="replace"))
        await asyncio.sleep(0.05)


def _playing(service: Service) -> list[Path]:
    """Return the processes that know of this service's folder of runs, but not the service."""
    mark = service.settings["RUNS_DIR"].encode()
    own = service.process and service.process.pid
    found: list[Path] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if folder.name != str(own) and mark in (folder / "cmdline").read_bytes():
                found.append(folder)
    return found


def _content(path: Path) -> bytes:
    with suppress(FileNotFoundError):  # the bus lives, and puts its files in order
        return path.read_bytes()
    return b""


def _files(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]
