"""The catalogue as the provisioner reads it."""

from pathlib import Path

import pytest

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
