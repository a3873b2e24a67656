"""The catalogue as the provisioner reads it."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioner.adapters.games import GameFolders
from provisioner.domain.errors import StepFailed

GAMES = GameFolders(Path(__file__).parents[3] / "playbooks")


def test_a_manifest_becomes_a_game():
    game = GAMES.find("luanti")

    assert (game.unit, game.query_protocol, game.query_port) == ("luanti-server", "luanti", "game")
    assert game.secrets == {"password"}


@pytest.mark.parametrize("game", ["chess", "../luanti", "", "luanti/../luanti", "."])
def test_what_is_no_game_is_refused(game: str):
    with pytest.raises(StepFailed):
        GAMES.find(game)


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

    asked = [games.find("luanti", {"kind": kind}).query_protocol for kind in ("wild", "calm")]

    assert asked == ["odd", games.find("luanti").query_protocol] == ["odd", "luanti"]


def test_ports_know_who_may_use_them(tmp_path: Path):
    ports = [
        {"name": "game", "protocol": "udp", "number": 30000, "same_outside": True},
        {"name": "rcon", "protocol": "tcp", "number": 27015, "expose": "loopback"},
    ]

    game = a_catalogue(tmp_path, ports=ports).find("luanti")

    assert (game.fixed_ports, game.inner_ports) == ({"game"}, {"rcon": 27015})


def locked(game_id: str, **settings: Any) -> dict[str, Any]:
    game = GAMES.find(game_id, settings)
    return GAMES.lock(game, settings)


def test_a_locked_version_is_always_the_same_files():
    lock: Any = locked("minecraft-java", variant="vanilla", version="1.21.8")

    [artefact] = lock["artefacts"]
    assert artefact["name"] == "server-1.21.8.jar"
    assert artefact["checksum"].removeprefix("sha1:") in artefact["url"]
    assert (lock["version"], lock["runtime"]) == ("1.21.8", {"java": "21"})


def test_packages_need_no_lock_beforehand():
    assert locked("luanti")["artefacts"] == []


@pytest.mark.parametrize(
    ("variant", "version"), [("vanilla", "latest"), ("vanilla", "1.2.3"), ("paper", "1.21.8")]
)
def test_a_version_that_nobody_has_locked_is_refused(variant: str, version: str):
    with pytest.raises(StepFailed, match="locked") as refused:
        locked("minecraft-java", variant=variant, version=version)

    assert "locked" in refused.value.remedy
