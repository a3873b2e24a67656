"""The catalogue as the provisioner reads it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioner.adapters.games import GameFolders
from provisioner.domain.errors import StepFailed
from provisioner.domain.game import Query

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
GAMES = GameFolders(PLAYBOOKS)


def test_a_manifest_becomes_a_game():
    game = GAMES.find("luanti")

    assert (game.unit, game.query, game.port) == (
        "luanti-server",
        Query(protocol="luanti", port="game"),
        "game",
    )
    assert game.secrets == {"password"}


@pytest.mark.parametrize("game", ["chess", "../luanti", "", "luanti/../luanti", "."])
def test_what_is_no_game_is_refused(game: str):
    with pytest.raises(StepFailed):
        GAMES.find(game)


BROKEN = ["id: [", "[]", "", "id: chess", "id: chess\nports: 5\nready: {}"]


@pytest.mark.parametrize("manifest", BROKEN)
def test_a_folder_that_cannot_be_read_is_no_game(tmp_path: Path, manifest: str):
    folder = tmp_path / "games" / "chess"
    folder.mkdir(parents=True)
    (folder / "game.yml").write_text(manifest)
    (folder / "settings.schema.json").write_text("{}")

    with pytest.raises(StepFailed, match="cannot be read") as refused:
        GameFolders(tmp_path).find("chess")

    assert "yard games lint" in (refused.value.remedy or "")


def test_defaults_are_filled_in():
    full = GAMES.complete(GAMES.find("luanti"), {"motd": "hi"})

    assert (full["motd"], full["max_users"]) == ("hi", 15)


@pytest.mark.parametrize(
    "settings",
    [{"nope": 1}, {"max_users": 0}, {"motd": "a\nport = 1"}, {"motd": "a\n"}, {"motd": '"""'}],
)
def test_settings_the_schema_does_not_allow_are_refused_without_repeating_them(settings):
    with pytest.raises(StepFailed) as refused:
        GAMES.complete(GAMES.find("luanti"), settings)

    assert "port = 1" not in str(refused.value)


def test_an_eula_must_be_accepted():
    game = GAMES.find("minecraft-java")

    with pytest.raises(StepFailed):
        GAMES.complete(game, {})
    with pytest.raises(StepFailed):
        GAMES.complete(game, {"eula": False})
    assert GAMES.complete(game, {"eula": True})["version"]


def a_catalogue(tmp_path: Path, **blocks: Any) -> GameFolders:
    """Return a catalogue of one game whose manifest has these blocks in place of its own."""
    shutil.copytree(GAMES.playbooks, tmp_path, dirs_exist_ok=True)
    manifest = tmp_path / "games" / "luanti" / "game.yml"
    manifest.write_text(yaml.safe_dump(yaml.safe_load(manifest.read_text()) | blocks))
    return GameFolders(tmp_path)


def test_a_variant_s_blocks_stand_in_place_of_the_game_s(tmp_path: Path):
    of = {"wild": {"query": {"protocol": "odd", "port": "game"}}, "calm": {}}
    games = a_catalogue(tmp_path, variants={"setting": "kind", "of": of})

    wild, calm = (games.find("luanti", {"kind": kind}).query for kind in ("wild", "calm"))

    assert wild == Query(protocol="odd", port="game")
    assert calm == games.find("luanti").query == Query(protocol="luanti", port="game")


def test_a_game_that_does_not_answer_with_these_settings_is_not_asked():
    assert GAMES.find("valheim").query is None
    assert GAMES.find("valheim", {"public": True}).query == Query(protocol="a2s", port="query")
    assert GAMES.find("valheim").sign is not None


def test_ports_know_who_may_use_them(tmp_path: Path):
    ports = [
        {"name": "game", "protocol": "udp", "number": 30000, "same_outside": True},
        {"name": "rcon", "protocol": "tcp", "number": 27015, "expose": "loopback"},
    ]

    game = a_catalogue(tmp_path, ports=ports).find("luanti")

    assert (game.fixed_ports, game.inner_ports) == ({"game"}, {"rcon": 27015})


def test_a_manifest_says_how_its_console_tells_who_plays():
    told = GAMES.find("luanti").roster
    assert told is not None

    lines = [
        "2026-11-21 18:00:00: ACTION[Server]: ada [203.0.113.7] joins game. List of players: ada",
        "2026-11-21 18:00:09: ACTION[Server]: bob [203.0.113.8] joins game. List of players: ab",
        "2026-11-21 18:00:10: CHAT: <bob> ACTION[Server]: ada leaves game. List of players:",
        "2026-11-21 18:00:20: ACTION[Server]: bob leaves game. List of players: ada ",
    ]

    assert told.present(lines) == {"ada"}
    restarted = '2026-11-21 18:01:00: ACTION[Main]: Server for gameid="x" listening on [::]:30000.'
    assert told.present([*lines, restarted]) == set()
    assert told.file == "/var/log/luanti/default/server.log"
    assert GAMES.find("minecraft-java").roster is None


def test_a_game_that_nobody_can_ask_is_known_to_be_up_by_its_console():
    game = GAMES.find("factorio")

    assert (game.query, game.port) == (None, "game")
    assert game.sign is not None
    assert game.sign.is_among(["noise", "   1.234 Hosting game at IP ADDR:({0.0.0.0:34197})"])
    assert not game.sign.is_among(["ada: Hosting game at IP ADDR:({0.0.0.0:34197})"])
    assert not game.sign.is_among(["x" * 100_000])


def test_players_connect_to_the_first_port_that_is_for_them(tmp_path: Path):
    ports = [
        {"name": "rcon", "protocol": "tcp", "number": 27015, "expose": "loopback"},
        {"name": "game", "protocol": "udp", "number": 30000},
    ]

    assert GAMES.find("valheim").port == "game"
    assert a_catalogue(tmp_path, ports=ports).find("luanti").port == "game"


PARTS = ("site.yml", "roles/service/tasks/main.yml", "games/luanti/templates/server.conf.j2")


def test_what_is_played_is_known_by_all_that_it_is_made_of(tmp_path: Path):
    copy = tmp_path / "playbooks"
    shutil.copytree(PLAYBOOKS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    games = GameFolders(copy)
    assert not games.find("luanti").played  # nobody asks: each of its settings takes a restart

    schema = copy / "games" / "luanti" / "settings.schema.json"
    content = json.loads(schema.read_text())
    content["properties"]["motd"]["x-restart"] = "none"
    schema.write_text(json.dumps(content))
    known = [games.find("luanti").played]
    for part in PARTS:
        with (copy / part).open("a") as file:
            file.write("\n# upgraded\n")
        known.append(games.find("luanti").played)
    (copy / "games" / "teeworlds" / "install.yml").write_text("[]")
    (copy / "games" / "luanti" / "README.md").write_text("")

    assert len(set(known)) == len(known)
    assert games.find("luanti").played == known[-1]
