"""Whatever people type into a setting lands as that text, in one place, or is refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.model.unit_files import find_unit
from proxmox_lab.guests.simulated.programs.settings import json_members, plain
from proxmox_lab.guests.simulated.system.surroundings import command_of
from tests.unit.lab_guests.conftest import Bench
from tests.unit.playbooks.game_folder import GameFolder
from tests.unit.playbooks.test_game_stand_ins import GAMES as ALL

PAYLOADS = (
    "{{ 7 * 7 }}", "{{ lookup('pipe', 'id') }}", "{% for x in y %}", "{# x #}", "{{", "}}", "%}",
    "$(id)", "`id`", "$HOME", "${HOME}", "$$", "; id", "| id", "&& id", "> /etc/passwd", "!!",
    "a\nb=c", "a\r\nb=c", "\n[Service]\nUser=root", "a\n", "\x00", "\x1b[31m", "a\x85b=c",
    "a\u2028b=c", "'", '"', '\'"\'"', "\\", "\\n", "a\\", '"; "', "a=b", "=", "#c", "//c", ";c",
    "[Section]", "%i", "%%n", "100%", "?RCONEnabled=False", "-password", "--console-log=/x", " ",
    " a ", "Grüße 🎮", "\u202eabc", "../../etc/passwd", "null", "true", "0x41", "<color=red>",
    "*", "~", "a,b", '{"a": 1}',
)  # fmt: skip
PLACEHOLDER = "hunter2!hunter2"
READERS = {".json": json_members, ".ini": plain, ".txt": plain}
GAMES = [
    folder
    for folder in ALL
    if "service" in GameFolder(path=folder).raw
    and all(path.suffixes[0] in READERS for path in folder.glob("templates/*.j2"))
]


def texts(schema: Mapping[str, Any]) -> list[str]:
    """The settings that hold text and land in the guest."""
    found = schema["properties"].items()
    return [n for n, of in found if of.get("type") == "string" and of["x-target"] != "source"]


def takes(game: GameFolder, name: str, value: str) -> bool:
    alone = {**game.schema, "required": [], "allOf": []}
    return Draft202012Validator(alone).is_valid({name: value})


def written(game: GameFolder) -> dict[str, str]:
    """The settings' files that the game's tasks write, by their source."""
    tasks = yaml.safe_load((game.path / "install.yml").read_text())
    sources = [
        t["ansible.builtin.template"]["src"] for t in tasks if "ansible.builtin.template" in t
    ]
    return {source: game.template(source) for source in sources}


def argv(bench: Bench, game: GameFolder) -> list[str]:
    """The command line as systemd reads it out of the unit."""
    for path, text in game.unit().items():
        node = Node(kind=Kind.FILE, mode=0o644)
        bench.machine.files.write(path, text.encode(), template=node)
    unit = find_unit(bench.machine.files, game.raw["unit"])
    assert unit is not None
    assert unit.get("Service", "User") == game.raw["service"]["user"]
    return command_of(bench.machine, unit)


def values(files: Mapping[str, str]) -> list[str]:
    read = [READERS[Path(name.removesuffix(".j2")).suffix](text) for name, text in files.items()]
    return [value for members in read for value in members.values()]


@pytest.mark.parametrize("folder", GAMES, ids=lambda folder: folder.name)
def test_it_lands_as_text_or_is_refused(bench: Bench, folder: Path):
    usual = GameFolder(path=folder)
    length = len(argv(bench, usual))

    for name in texts(usual.schema):
        plain_lines = lines_of(written(GameFolder(path=folder, given={name: ok(usual, name)})))
        for payload in accepted(usual, name):
            game = GameFolder(path=folder, given={name: payload})
            files, words = written(game), argv(bench, game)

            assert lines_of(files) == plain_lines, (name, payload)
            found = payload.strip() in [value.strip() for value in values(files)]
            assert found or payload in words, (name, payload)
            assert len(words) == length, (name, payload)


@pytest.mark.parametrize("folder", GAMES, ids=lambda folder: folder.name)
def test_what_names_a_file_or_an_address_takes_nothing_special(folder: Path):
    game = GameFolder(path=folder)

    for name, of in game.schema["properties"].items():
        if of["x-target"] == "source":
            assert accepted(game, name) == []


def accepted(game: GameFolder, name: str) -> list[str]:
    return [payload for payload in PAYLOADS if takes(game, name, payload)]


def ok(game: GameFolder, name: str) -> str:
    """A value without anything special in it that the setting takes."""
    return next(v for v in ("abcdefgh", PLACEHOLDER) if takes(game, name, v))


def lines_of(files: Mapping[str, str]) -> list[int]:
    return [len(text.split("\n")) for text in files.values()]


@pytest.mark.parametrize("password", ["1234", "abcdef", "all!", "-abc!de"])
def test_a_password_that_the_game_would_refuse_is_refused_before(password: str):
    game = GameFolder(path=next(folder for folder in GAMES if folder.name == "valheim"))

    assert not takes(game, "password", password)


def test_no_name_can_hold_a_password():
    game = GameFolder(path=next(folder for folder in GAMES if folder.name == "valheim"))
    name = "A hall of swords"

    assert takes(game, "server_name", name)
    assert not any(takes(game, "password", part) for part in (name, "swords", "a hall"))
    assert not takes(game, "server_name", "Hall hunter2!")


def test_who_lists_a_factory_publicly_needs_an_account():
    folder = next(folder for folder in GAMES if folder.name == "factorio")
    validator = Draft202012Validator(GameFolder(path=folder).schema)

    assert not validator.is_valid({"public": True})
    assert not validator.is_valid({"public": True, "username": "", "token": "t"})
    assert validator.is_valid({"public": True, "username": "me", "token": "t"})
