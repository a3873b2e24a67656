"""Every game's files and unit, held against a stand-in of its server on the simulated guest."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from opengsq.protocols import Source

from provisioner.adapters.query import GameQueries
from provisioner.domain.errors import NotYet
from proxmox_lab.guests.simulated.system.jobs import start_unit
from proxmox_lab.guests.simulated.system.stopping import stop_unit
from tests.unit.lab_guests.conftest import Bench
from tests.unit.playbooks.game_folder import PLAYBOOKS, GameFolder
from tests.unit.playbooks.vendor import play

GAMES = sorted(path.parent for path in (PLAYBOOKS / "games").glob("*/game.yml"))
ASKED = [folder for folder in GAMES if "query" in GameFolder(path=folder).raw]

every_game = pytest.mark.parametrize("folder", GAMES, ids=lambda folder: folder.name)


async def serve(hall: Bench, game: GameFolder) -> list[str]:
    """Install and start the game; what it says."""
    await play(hall, game.path, **game.given).folder(game.path)
    return list(hall.machine.units.state(game.raw["unit"]).journal)


@every_game
async def test_it_opens_its_ports_and_says_that_it_is_ready(hall: Bench, folder: Path):
    game = GameFolder(path=folder)

    said = await serve(hall, game)

    for transport in ("udp", "tcp"):
        wanted = {p["number"] for p in game.raw["ports"] if p["protocol"] == transport}
        assert set(hall.machine.listening(transport)) - {22} == wanted
    ready = game.raw["ready"].get("console")
    assert ready is None or re.search(ready, said[-1]), said


@pytest.mark.parametrize("folder", ASKED, ids=lambda folder: folder.name)
async def test_it_is_asked_as_its_manifest_says(hall: Bench, folder: Path):
    query = GameFolder(path=folder).raw["query"]
    game = GameFolder(path=folder, given=query.get("when", {}))
    await serve(hall, game)
    [port] = [p["number"] for p in game.raw["ports"] if p["name"] == query["port"]]

    answer = await GameQueries().ask(query["protocol"], hall.machine.hardware.loopback, port)

    assert answer
    assert "players" in answer or game.raw.get("players") != {"query": True}


async def test_valheim_unlisted_answers_nobody(hall: Bench):
    await serve(hall, GameFolder(path=PLAYBOOKS / "games" / "valheim"))

    with pytest.raises(NotYet):
        await GameQueries().ask("a2s", hall.machine.hardware.loopback, 2457)


@every_game
async def test_it_is_stopped_in_its_own_way(hall: Bench, folder: Path):
    game = GameFolder(path=folder)
    before = await serve(hall, game)

    await stop_unit(hall.machine, game.raw["unit"])

    goodbye = list(hall.machine.units.state(game.raw["unit"]).journal)[len(before) :]
    assert goodbye
    assert not [line for line in goodbye if "nothing was saved" in line or "still there" in line]
    assert set(hall.machine.listening("tcp")) == {22}


@every_game
async def test_a_second_start_is_as_good_as_the_first(hall: Bench, folder: Path):
    game = GameFolder(path=folder)
    await serve(hall, game)
    journal = hall.machine.units.state(game.raw["unit"]).journal
    first = journal.of(journal.invocation)

    await stop_unit(hall.machine, game.raw["unit"])
    await start_unit(hall.machine, game.raw["unit"])

    assert journal.of(journal.invocation) == first


@pytest.mark.parametrize(
    ("name", "port", "given", "told"),
    [
        ("valheim", 2457, {"server_name": 'H"x" $HO \\', "public": True}, ('H"x" $HO \\', 64)),
        ("project-zomboid", 16261, {"server_name": "A = b; #c"}, ("A = b; #c", 16)),
        ("ark-survival-evolved", 27015, {"server_name": "Ark = [x]"}, ("Ark = [x]", 70)),
    ],
)  # fmt: skip
async def test_what_was_set_is_what_players_are_told(
    hall: Bench, name: str, port: int, given: dict[str, Any], told: tuple[str, int]
):
    await serve(hall, GameFolder(path=PLAYBOOKS / "games" / name, given=given))

    info: Any = await Source(hall.machine.hardware.loopback, port).get_info()

    assert (info.name, info.max_players) == told


async def test_factorio_s_first_map_is_made_once(hall: Bench):
    game = GameFolder(path=PLAYBOOKS / "games" / "factorio")
    await serve(hall, game)
    save = "/srv/factorio/factorio/saves/world.zip"
    hall.machine.files.write(save, b"played", template=hall.machine.files.get(save))

    await serve(hall, game)

    assert hall.machine.files.read(save) == b"played"
    settings = json.loads(hall.machine.files.text("/etc/factorio/server-settings.json"))
    assert settings["visibility"] == {"public": False, "lan": False}


async def test_zomboid_s_heap_follows_the_guest_s_memory(hall: Bench):
    await serve(hall, GameFolder(path=PLAYBOOKS / "games" / "project-zomboid"))

    text = hall.machine.files.text("/srv/project-zomboid/server/ProjectZomboid64.json")
    assert json.loads(text)["vmArgs"] == ["-Xmx6144m"]
