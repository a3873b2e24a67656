"""What a game would refuse, or take for something else, its settings' schema refuses before."""

import pytest
from jsonschema import Draft202012Validator

from tests.games.landing import PAYLOADS
from tests.unit.playbooks.game_folder import PLAYBOOKS, GameFolder

GAMES = sorted(path.parent for path in (PLAYBOOKS / "games").glob("*/game.yml"))


def takes(game: str, name: str, value: str) -> bool:
    schema = GameFolder(path=PLAYBOOKS / "games" / game).schema
    alone = {**schema, "required": [], "allOf": []}
    return Draft202012Validator(alone).is_valid({name: value})


@pytest.mark.parametrize("game", [folder.name for folder in GAMES])
def test_what_names_a_file_or_an_address_takes_nothing_special(game: str):
    properties = GameFolder(path=PLAYBOOKS / "games" / game).schema["properties"]

    for name, of in properties.items():
        if of["x-target"] == "source":
            assert [payload for payload in PAYLOADS if takes(game, name, payload)] == []


@pytest.mark.parametrize("password", ["1234", "abcdef", "all!", "-abc!de"])
def test_a_password_that_the_game_would_refuse_is_refused_before(password: str):
    assert not takes("valheim", "password", password)


def test_no_name_can_hold_a_password():
    name = "A hall of swords"

    assert takes("valheim", "server_name", name)
    assert not any(takes("valheim", "password", part) for part in (name, "swords", "a hall"))
    assert not takes("valheim", "server_name", "Hall hunter2!")


def test_a_name_that_the_vendor_forbids_is_refused():
    assert takes("minecraft-bedrock", "server_name", "Ours: to dig & build")
    assert not takes("minecraft-bedrock", "server_name", "Ours; to dig")


def test_who_lists_a_factory_publicly_needs_an_account():
    validator = Draft202012Validator(GameFolder(path=PLAYBOOKS / "games" / "factorio").schema)

    assert not validator.is_valid({"public": True})
    assert not validator.is_valid({"public": True, "username": "", "token": "t"})
    assert validator.is_valid({"public": True, "username": "me", "token": "t"})
