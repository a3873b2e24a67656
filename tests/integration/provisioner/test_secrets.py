"""No game's secrets are told: real Ansible installs it, and whatever can be read is searched.

Searched are events, log lines, timings and our own log, the command lines and environments of all
that a run starts, and what it leaves on disk.
"""

import asyncio
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from common.contracts import events as evt
from common.contracts.base import now
from common.contracts.servers import Lock, Port, PublishedPort, ServerSpec
from provisioner.handlers import on_event
from provisioner.work import work_on
from tests.fakes.provisioner import SERVER, SPEC, FakeProvisioner, sealed, vm_ready
from tests.integration.provisioner.conftest import PLAYBOOKS, Site
from tests.integration.provisioner.real import real_tools
from tests.unit.playbooks.game_folder import GameFolder
from tests.unit.playbooks.vendor import lock

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

CANARY = "canary-4d2a.geheim"
FOLDERS = sorted(path.parent for path in (PLAYBOOKS / "games").glob("*/game.yml"))


def secrets_of(folder: Path) -> dict[str, str]:
    """Return a value for each secret setting of a game that its schema takes."""
    schema = GameFolder(path=folder).schema
    names = [name for name, of in schema["properties"].items() if of.get("x-secret")]
    return {name: _fitting(schema, name, number) for number, name in enumerate(names)}


def _fitting(schema: dict[str, Any], name: str, number: int) -> str:
    alone = Draft202012Validator({**schema, "required": []})
    said = (f"{CANARY}-{number}", f"{CANARY}-{number}!")
    return next(text for text in said if alone.is_valid({name: text}))


SECRETIVE = [folder for folder in FOLDERS if secrets_of(folder)]


def spec_of(folder: Path) -> ServerSpec:
    game = GameFolder(path=folder)
    made_of = {**lock(folder), "game": folder.name, "resolved_at": now()}
    envelopes = {name: sealed(it, pointer=f"/{name}") for name, it in secrets_of(folder).items()}
    ports = (
        Port(name=port["name"], protocol=port["protocol"], number=port["number"])
        for port in game.raw["ports"]
    )
    changes = {
        "game": folder.name,
        "settings": {**game.settings, **envelopes},
        "ports": tuple(ports),
        "lock": Lock.model_validate({**made_of, "definition": game.raw["version"]}),
    }
    return SPEC.model_copy(update=changes)


class Watched:
    """What others on this machine could read while a run goes on."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.words, self.modes = folder, set[str](), set[int]()

    async def watch(self) -> None:
        while True:
            for pid in _descendants(os.getpid()):
                for name in ("cmdline", "environ"):
                    with suppress(OSError):
                        told = Path(f"/proc/{pid}/{name}").read_bytes()
                        self.words.add(told.decode(errors="replace"))
            with suppress(OSError):
                self.modes.add(stat.S_IMODE(self.folder.stat().st_mode))
            await asyncio.sleep(0.05)


def _descendants(pid: int) -> Iterator[int]:
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, tasks.read_text().split()):
                yield child
                yield from _descendants(child)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are read out of /proc")
@pytest.mark.parametrize("folder", SECRETIVE, ids=lambda folder: folder.name)
async def test_a_secret_reaches_the_guest_and_is_told_nobody(
    site: Site, runs: Path, mirror: str, folder: Path, caplog: pytest.LogCaptureFixture
):
    world = FakeProvisioner()
    tools = real_tools(world, site, runs=runs, download_base=mirror)
    tools = replace(tools, queries=world.queries)  # not all of its ports lead out of the guest
    spec = spec_of(folder)
    outside = (
        PublishedPort(name=p.name, protocol=p.protocol, guest_port=p.number, public_port=p.number)
        for p in spec.ports
    )
    endpoint = site.endpoint.model_copy(update={"ports": tuple(outside)})
    ready = vm_ready(endpoint=endpoint, host_keys=(site.host_key,), spec=spec)
    await on_event(ready, work=world)
    watched = Watched(runs / SERVER)
    watching = asyncio.ensure_future(watched.watch())

    with caplog.at_level("DEBUG"):
        await work_on(SERVER, work=world, tools=tools)

    watching.cancel()
    assert world.said(evt.ServerFailed) == []
    told = [message.model_dump_json() for message in world.outbox.messages]
    told += [line.model_dump_json() for line in world.log.lines]
    told += [repr(world.runs.rows), caplog.text]
    assert len(world.log.lines) > 10
    assert [text for text in told if CANARY in text] == []
    assert watched.modes == {0o700}
    assert any(str(runs / SERVER) in words for words in watched.words), "it was looked at"
    assert [words for words in watched.words if CANARY in words] == []
    assert _telling(runs) == []
    for name, secret in secrets_of(folder).items():
        assert secret in await site.read(_place(folder, name))


def _place(folder: Path, name: str) -> str:
    game = GameFolder(path=folder)
    of_the_command = f"/etc/{game.raw['unit']}.secrets"
    return game.schema["properties"][name].get("x-file", of_the_command)


def _telling(*folders: Path) -> list[Path]:
    return [path for path in _files(*folders) if CANARY.encode() in path.read_bytes()]


def _files(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]
