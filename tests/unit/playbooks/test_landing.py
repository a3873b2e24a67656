"""The judgement of what a game's folder writes misses no slip of whoever wrote the folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.games.landing import SECRETS, UNIT, landing
from tests.unit.playbooks.game_folder import PLAYBOOKS, GameFolder
from yard_cli.catalogue.folder import read


def wrongs(folder: Path) -> Iterator[str]:
    """Judge a folder, filled in without Ansible, which takes long."""
    where = landing(read(folder))
    written: list[dict[str, str]] = []
    for case in where.cases:
        game = GameFolder(path=folder, given=case)
        written.append({name: game.template(name) for name in where.paths})
        if "service" in game.raw:
            files = game.unit()
            written[-1][UNIT] = next(iter(files.values()))
            written[-1][SECRETS] = files.get(f"/etc/{game.raw['unit']}.secrets", "")
    return where.wrongs(written)


def slipped(tmp_path: Path, *, game: str, file: str, right: str, slip: str) -> Path:
    folder = tmp_path / game
    shutil.copytree(PLAYBOOKS / "games" / game, folder)
    text = (folder / file).read_text()
    assert right in text
    (folder / file).write_text(text.replace(right, slip, 1))
    return folder


def test_a_right_folder_has_no_wrongs():
    assert list(wrongs(PLAYBOOKS / "games" / "luanti")) == []


CONF, JAVA = "templates/server.conf.j2", "templates/server.properties.j2"
JSON, TEXT = "templates/server-settings.json.j2", "templates/serverconfig.txt.j2"


@pytest.mark.parametrize(
    ("game", "file", "right", "slip", "told"),
    [
        ("luanti", CONF, "max_users = {{ settings.max_users }}\n", "", "max_users lands in no"),
        ("luanti", CONF, "settings.max_users", "15", "max_users lands in no file"),
        ("luanti", CONF, "settings.max_users", "settings.max_users // 2", "max_users = "),
        ("luanti", CONF, "settings.enable_pvp | lower", "'true'", "enable_pvp lands in no file"),
        ("luanti", CONF, "settings.motd | ini", "settings.motd[:9] | ini", "motd = "),
        ("luanti", CONF, "settings.motd | ini_value", "settings.motd | quoted_value", "motd = "),
        ("luanti", CONF, "settings.motd | ini_value", "settings.motd.split('#')[0]", "motd = "),
        ("luanti", CONF, "motd = {{ s", "motd = {{ settings.server_name }}{{ s", "server_name = "),
        ("luanti", "settings.schema.json", '(\\\\{|\\"\\"\\")', "(nothing)", "motd = '{'"),
        ("teeworlds", "game.yml", "quoted}", "ini}", "server.cfg.j2 is no ini"),
        ("minecraft-java", JAVA, "properties_value", "ini_value", "motd = "),
        ("terraria", TEXT, "'large': 3", "'large': 1", "written alike"),
        ("factorio", JSON, "settings.description", "settings.description | upper", "description ="),
        ("factorio", JSON, "'description'", "'game_password'", "description lands in no"),
        ("valheim", "game.yml", "{secret: password}", '"{{ settings.password }}"', "password l"),
        ("valheim", "game.yml", '"{{ settings.world }}"', '"x{{ settings.public }}"', "world land"),
    ],
)  # fmt: skip
def test_a_slip_is_told(tmp_path: Path, game: str, file: str, right: str, slip: str, told: str):
    folder = slipped(tmp_path, game=game, file=file, right=right, slip=slip)

    found = list(wrongs(folder))

    assert any(told in wrong for wrong in found), found
