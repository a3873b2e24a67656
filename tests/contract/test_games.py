"""Every game folder keeps the catalogue's rules, and its readers read it alike."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gateway.adapters.game_catalogue import read_game
from provisioner.adapters.games import GameFolders
from provisioner.adapters.query import QUESTIONS
from provisioner.domain.game import Game
from yard_cli.catalogue.rules import House

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
HOUSE = House(PLAYBOOKS)
# To be accepted for what a person has to accept, and nothing else.
ACCEPTED = {"eula": True}

pytestmark = pytest.mark.parametrize("folder", HOUSE.folders(), ids=lambda folder: folder.name)


def known(folder: Path) -> Game:
    return GameFolders(PLAYBOOKS).find(folder.name)


def test_the_folder_keeps_the_rules(folder: Path):
    assert [str(complaint) for complaint in HOUSE.complaints(folder)] == []


def test_the_settings_defaults_are_enough_for_the_provisioner(folder: Path):
    properties = read_game(folder).settings_schema["properties"]
    examples = yaml.safe_load((folder / "lines.yml").read_text()).get("required", {})
    accepted = {name: value for name, value in ACCEPTED.items() if name in properties}

    full = GameFolders(PLAYBOOKS).complete(known(folder), accepted | examples)

    assert full.keys() == properties.keys(), "each has a default or must be given"


def test_all_take_the_version_from_the_same_setting(folder: Path):
    listed = read_game(folder)
    kinds = yaml.safe_load((folder / "game.yml").read_text()).get("variants", {"of": {}})

    for settings in ({}, *({kinds["setting"]: kind} for kind in kinds["of"])):
        source = GameFolders(PLAYBOOKS).find(folder.name, settings).source
        assert listed.source_of(settings).setting == source.get("setting")


@pytest.mark.timeout(60)
def test_a_long_line_costs_no_time(folder: Path):
    lines: dict[str, list[str]] = yaml.safe_load((folder / "lines.yml").read_text())
    samples = ["", *lines.get("ready", []), *lines.get("joined", []), *lines.get("left", [])]
    starts = {sample[:end] for sample in samples for end in range(0, len(sample) + 1, 7)}

    # What takes four times as long for twice the line would not come to an end.
    for expression in expressions(folder):
        for start in starts:
            for more in ("a", " ", "1", start[-1:] or "[", "[1:2] ", ": ", start or "."):
                re.search(expression, f"{start}{more * 100_000}"[:200_000] + "\0")


def expressions(folder: Path) -> list[str]:
    """Every expression that is held against what the console says, of all variants."""
    manifest = yaml.safe_load((folder / "game.yml").read_text())
    kinds = manifest.get("variants", {"of": {}})["of"].values()
    signs = [block.get("ready", {}).get("console") for block in (manifest, *kinds)]
    people = manifest.get("players", {}).get("console", {})
    return [sign for sign in signs if sign] + list(people.values())


def test_its_protocol_is_spoken_and_its_port_is_published(folder: Path):
    game = known(folder)

    published = {port.name for port in read_game(folder).ports}
    assert game.port in published
    if game.query is None:
        assert game.sign is not None, "one of both must tell that it is up"
    else:
        assert game.query.protocol in QUESTIONS
        assert game.query.port in published


def test_ansible_understands_the_playbook(folder: Path, tmp_path: Path):
    checked = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-playbook"),
            *("-i", "guest,", "--list-tasks", "-e", f"game={folder.name}"),
            str(PLAYBOOKS / "site.yml"),
        ],
        check=False,
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        timeout=25,
    )

    assert checked.returncode == 0, checked.stderr
    listed = len(re.findall(r"TAGS: \[\]$", checked.stdout, re.MULTILINE)) - 1
    assert known(folder).tasks == listed
