"""Real Ansible plays every game of the catalogue against a simulated guest, from a mirror."""

import json
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest
from aiohttp import web

from common.contracts.servers import Endpoint
from provisioner.adapters.games import GameFolders
from provisioner.adapters.query import GameQueries
from provisioner.adapters.ssh import SshGuests
from provisioner.domain.inventory import target
from proxmox_lab.guests.simulated.guest import SimulatedGuest
from tests.integration.lab_guests.conftest import HOST_KEY, PLAYBOOKS, Yard
from tests.integration.lab_guests.test_ansible import recap
from tests.unit.playbooks.game_folder import GameFolder
from tests.unit.playbooks.stand_in import teach
from tests.unit.playbooks.vendor import downloads, lock

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

GAMES = sorted(path.parent for path in (PLAYBOOKS / "games").glob("*/game.yml"))


@pytest.fixture
async def mirror(folder: Path) -> AsyncGenerator[str]:
    """Serve what the game's vendors would at HOST/PATH."""
    sent = downloads(folder)

    async def serve(request: web.Request) -> web.Response:
        return web.Response(body=sent[f"https://{request.match_info['rest']}"])

    app = web.Application()
    app.router.add_get("/{rest:.+}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def said_by(yard: Yard, guest: SimulatedGuest, unit: str, file: str | None) -> Sequence[str]:
    """Read a game's console as the provisioner does."""
    reach = guest.reach()
    endpoint = Endpoint(
        address="10.77.0.5",
        ssh_host=reach.ssh_host,
        ssh_port=reach.ssh_port,
        public_host=reach.public_host,
    )
    key = (await guest.agent_read_file(HOST_KEY)).decode()
    whom = target(endpoint, user=yard.config.user, key_file=yard.key)
    return await SshGuests().console(whom, (key,), unit=unit, file=file)


@pytest.mark.parametrize("folder", GAMES, ids=lambda folder: folder.name)
async def test_a_game_is_installed_once_asked_and_stopped(
    yard: Yard, mirror: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teach(monkeypatch, folder)
    guest = await yard.start()
    game = GameFolder(path=folder)
    ports = {port["name"]: port["number"] for port in game.raw["ports"]}
    known = {"game": folder.name, "unit": game.raw["unit"], "settings": game.settings}
    given = {"ports": ports, "memory_mib": 8192, "download_base": mirror, "steamcmd_pause": 0}
    variables = json.dumps(known | given | {"lock": lock(folder)})

    first = await yard.play(guest, PLAYBOOKS / "site.yml", "-e", variables)
    second = await yard.play(guest, PLAYBOOKS / "site.yml", "-e", variables)

    assert (recap(first)[1], recap(second)) == (0, (0, 0)), first + second
    known_game = GameFolders(PLAYBOOKS).find(folder.name, game.settings)
    sign = known_game.sign
    assert sign is None or sign.is_among(await said_by(yard, guest, game.raw["unit"], sign.file))
    if query := known_game.query:
        host = guest.reach().public_host
        assert await GameQueries().ask(query.protocol, host, ports[query.port])
    await guest.shutdown(60)
    last_words = guest.state()["last_words"][f"{game.raw['unit']}.service"]
    assert last_words
    assert not [line for line in last_words if "nothing was saved" in line]
