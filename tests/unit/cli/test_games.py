"""A game's settings are told in words, and a setting's value is read as the game wants it."""

from yard_cli.client.models import Game
from yard_cli.commands.games import settings_of
from yard_cli.commands.values import settings_for

GAME = Game.model_validate(
    {
        "id": "some",
        "name": "Some",
        "settings_schema": {
            "properties": {
                "motd": {"type": "string", "title": "Greeting", "maxLength": 9, "default": "Hi"},
                "slots": {"type": "integer", "title": "Players", "minimum": 1, "maximum": 8},
                "mode": {"enum": ["calm", "wild"], "description": "How it is."},
                "eula": {"const": True},
            },
            "required": ["eula"],
        },
    }
)


def test_each_setting_is_told_with_its_default_and_its_limits():
    assert list(settings_of(GAME)) == [
        ("motd", '"Hi"', "Greeting (string, at most 9 characters)"),
        ("slots", "", "Players (integer, at least 1, at most 8)"),
        ("mode", "", "How it is. (calm | wild)"),
        ("eula", "required", "(true)"),
    ]


def test_a_value_is_text_where_the_game_wants_text_and_json_elsewhere():
    pairs = [("motd", "2024"), ("slots", "4"), ("mode", "calm"), ("unknown", "true")]

    assert settings_for(GAME, pairs) == {
        "motd": "2024",
        "slots": 4,
        "mode": "calm",
        "unknown": True,
    }
