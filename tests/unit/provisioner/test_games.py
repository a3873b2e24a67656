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
