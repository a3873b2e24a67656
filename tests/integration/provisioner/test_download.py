"""A game that is downloaded: from a mirror, and never unless its checksum is right."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from common.contracts import events as evt
from common.contracts.servers import Port
from provisioner.adapters.ansible.supervised import AnsiblePlaybooks
from provisioner.adapters.games import GameFolders
from provisioner.adapters.query import GameQueries
from provisioner.adapters.resolvers.catalogue import Resolvers
from provisioner.adapters.resolvers.downloads import Downloads
from provisioner.adapters.ssh import SshGuests
from provisioner.handlers import on_event
from provisioner.ports import Tools
from provisioner.work import work_on
from tests.fakes.provisioner import SERVER, SPEC, FakeProvisioner, vm_ready
from tests.integration.provisioner.conftest import PLAYBOOKS, Site

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

JAR = b"not a jar, but exactly these bytes"
MOTD = ' spaced "quoted" \\back x=1 # é {{ x }}'


@pytest.fixture
def playbooks(tmp_path: Path) -> Path:
    """The playbooks, with a lock that names our stand-in for the vendor's file."""
    copy = tmp_path / "playbooks"
    shutil.copytree(PLAYBOOKS, copy)
    lock = copy / "games" / "minecraft-java" / "versions.yml"
    known = yaml.safe_load(lock.read_text())
    digest = hashlib.sha1(JAR, usedforsecurity=False).hexdigest()
    for version in known["versions"].values():
        version["artefacts"][0]["checksum"] = f"sha1:{digest}"
    lock.write_text(yaml.safe_dump(known))
    fetching = copy / "roles" / "artefact" / "tasks" / "main.yml"
    fetching.write_text(fetching.read_text().replace("delay: 5", "delay: 0"))
    return copy


@pytest.fixture
async def mirror(request: pytest.FixtureRequest) -> AsyncGenerator[str]:
    async def serve(_: web.Request) -> web.Response:
        return web.Response(body=request.param)

    app = web.Application()
    app.router.add_get("/{host}/v1/objects/{sha1}/server.jar", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


async def deploy(site: Site, runs: Path, playbooks: Path, mirror: str) -> FakeProvisioner:
    world = FakeProvisioner()
    tools = Tools(
        guests=SshGuests(),
        playbooks=AnsiblePlaybooks(project=playbooks, runs=runs),
        games=GameFolders(playbooks),
        resolvers=Resolvers(playbooks=playbooks, downloads=Downloads(base=mirror)),
        queries=GameQueries(),
        seals=world.tools.seals,
        log=world.log,
        target=site.target,
        download_base=mirror,
    )
    named = site.endpoint.model_copy(
        update={
            "ports": tuple(
                port.model_copy(update={"name": "game"})
                for port in site.endpoint.ports
                if port.protocol == "tcp"
            )
        }
    )
    spec = SPEC.model_copy(
        update={
            "game": "minecraft-java",
            "settings": {"eula": True, "motd": MOTD},
            "ports": (Port(name="game", protocol="tcp", number=25565),),
        }
    )
    event = vm_ready(endpoint=named, host_keys=(site.host_key,), spec=spec)
    await on_event(event, work=world)
    await work_on(SERVER, work=world, tools=tools)
    await asyncio.sleep(0)
    return world


@pytest.mark.parametrize("mirror", [JAR], indirect=True)
async def test_from_a_mirror_the_server_comes_up(
    site: Site, runs: Path, playbooks: Path, mirror: str
):
    world = await deploy(site, runs, playbooks, mirror)

    assert world.said(evt.ServerFailed) == []
    [ready] = world.said(evt.ServerReady)
    assert ready.connect.endswith(":25565")
    properties = await site.read("/etc/minecraft.properties")
    expected = 'motd=\\ spaced "quoted" \\\\back x=1 # \\u00e9 {{ x }}\n'
    assert expected in properties


@pytest.mark.parametrize("mirror", [b"something else"], indirect=True)
async def test_another_file_than_the_promised_one_is_refused(
    site: Site, runs: Path, playbooks: Path, mirror: str
):
    world = await deploy(site, runs, playbooks, mirror)

    [failed] = world.said(evt.ServerFailed)
    assert (failed.step, "checksum" in failed.reason) == ("playbook", True)
    assert "mirror" in failed.remedy
