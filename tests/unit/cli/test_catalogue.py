"""Whatever is wrong with a game's folder is told by its field, with what repairs it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from yard_cli.catalogue.rules import House
from yard_cli.failure import Failure
from yard_cli.main import command_line

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
Change = Callable[[Any], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which everything is right."""
    shutil.copytree(PLAYBOOKS / "games" / "luanti", tmp_path / "luanti")
    return tmp_path / "luanti"


def complaints(folder: Path) -> list[str]:
    return [str(complaint) for complaint in House(PLAYBOOKS).complaints(folder)]


def changed(file: Path, change: Change) -> None:
    is_json = file.suffix == ".json"
    found = json.loads(file.read_text()) if is_json else yaml.safe_load(file.read_text())
    change(found)
    file.write_text(json.dumps(found) if is_json else yaml.safe_dump(found))


def test_nothing_is_wrong_with_the_sample(folder: Path):
    assert complaints(folder) == []


def putting(*path: str | int, value: object) -> Change:
    def put(found: Any) -> None:
        for part in path[:-1]:
            found = found[part]
        found[path[-1]] = value

    return put


LEAVES = "2026-01-02 03:04:05: ACTION[Server]: Ada_1 leaves game. List of players:"
RCON = {"name": "rcon", "protocol": "tcp", "number": 27015, "expose": "loopback"}
HTTP = {"resolver": "http", "setting": "motd", "artefacts": [
    {"name": "x", "url": "https://x/{nobody}", "checksum": "download"}]}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (putting("id", value="other"), "game.yml/id: is not the folder's name"),
        (putting("surprise", value=1), "game.yml: Additional properties are not allowed"),
        (putting("vm", "cores", "min", value=9), "game.yml/vm/cores: recommends less"),
        (lambda m: m.pop("evidence"), "game.yml: 'evidence' is a required property"),
        (putting("hang", value=2700), "game.yml/hang: is no shorter than the whole"),
        (putting("install", value={"timeout": 5}), "game.yml/install/timeout: 5 is less than"),
        (lambda m: m["ports"].append(dict(m["ports"][0])), "game.yml/ports: has the same name"),
        (lambda m: m.update(ports=[RCON]), "game.yml/ports: leads nobody"),
        (putting("query", "port", value="rcon"), "game.yml/query/port: is no public port's name"),
        (putting("ready", "console", value="^(a+)+$"), "game.yml/ready/console: repeats a group"),
        (putting("ready", "console", value="^up$"), "lines.yml/ready: is not recognised"),
        (putting("players", "console", "left", value="^(.*) leaves$"), "does not say who"),
        (
            putting("query", "when", value={"unheard": True}),
            "game.yml/query/when/unheard: is no setting",
        ),
        (
            lambda m: (m["query"].update(when={"creative_mode": True}), m["ready"].pop("console")),
            "game.yml/query/when: leaves nothing that tells",
        ),
        (putting("backup", "quiesce", value=["save"]), "game.yml/backup/quiesce: says a line"),
        (putting("eula", value={"url": "https://x", "setting": "motd"}), "can be left unaccepted"),
        (putting("variants", value={"setting": "motd", "of": {"a": {}}}), "game.yml/variants: are"),
        (putting("source", value=HTTP), "game.yml/source: uses {nobody}, which no step has taken"),
        (putting("source", value={"resolver": "table", "setting": "x"}), "source/setting: is no"),
        (putting("source", value={"resolver": "table", "setting": "motd"}), "do not agree"),
        (
            putting("players", "console", "joined", value=r"^.*: (?P<player>[a-zA-Z_0-9]+) .*$"),
            "endless repetition",
        ),
        (
            putting("players", "console", "joined", value=r"^.*(?P<player>Ada_1) \[.{1,99}$"),
            "lines.yml/joined: can be imitated by a player",
        ),
    ],
)
def test_a_manifest_is_held_to_its_rules(folder: Path, change: Change, told: str):
    changed(folder / "game.yml", change)

    assert any(told in complaint for complaint in complaints(folder)), complaints(folder)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (putting("type", value="nonsense"), "is no JSON Schema"),
        (lambda s: s.pop("additionalProperties"), "takes settings that it does not know"),
        (putting("properties", "motd", "default", value=7), "motd: has a default that"),
        (lambda s: s["properties"]["motd"].pop("$ref"), "motd: takes a second line"),
        (
            putting("properties", "motd", "x-target", value="source"),
            "motd: is part of an address, and takes what could lead elsewhere",
        ),
        (lambda s: s.pop("$defs"), "motd: refers to #/$defs/line, which is not there"),
        (putting("$defs", "line", "pattern", value="["), "is no JSON Schema: '[' is not a"),
        (
            lambda s: s["properties"]["max_users"].pop("maximum"),
            "max_users: takes a number without bounds",
        ),
        (lambda s: s["properties"]["motd"].pop("default"), "motd: is neither required nor"),
        (lambda s: s["properties"]["motd"].pop("maxLength"), "motd: takes a text without end"),
        (lambda s: s["properties"]["motd"].pop("title"), "motd: has no title"),
        (lambda s: s["properties"]["motd"].pop("x-target"), "motd: does not say where it goes"),
        (lambda s: s["properties"]["motd"].pop("x-restart"), "what a change of it takes"),
        (
            lambda s: s["properties"]["motd"].update({"x-target": "argument", "x-restart": "none"}),
            "motd: lands where only a start reads it",
        ),
        (lambda s: s["properties"]["motd"].pop("x-file"), "motd: and its x-file do not agree"),
        (
            lambda s: s["properties"].update(ansible_host=s["properties"]["motd"]),
            "ansible_host: is not a name for a setting",
        ),
        (
            lambda s: s["properties"].update(unheard=s["properties"]["motd"]),
            "unheard: does not land in /etc/luanti/default.conf",
        ),
    ],
)
def test_a_setting_is_held_to_its_rules(folder: Path, change: Change, told: str):
    changed(folder / "settings.schema.json", change)

    assert any(told in complaint for complaint in complaints(folder)), complaints(folder)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("{{ settings.password }}", "puts the secret setting password into the unit"),
        ({"secret": "world"}, "names the secret world, which is none"),
        ({"secret": "nothing"}, "names the secret nothing, which is none"),
    ],
)
def test_a_secret_is_named_in_the_command_and_not_written(tmp_path: Path, word: Any, told: str):
    shutil.copytree(PLAYBOOKS / "games" / "valheim", tmp_path / "valheim")
    assert complaints(tmp_path / "valheim") == []

    changed(tmp_path / "valheim" / "game.yml", lambda m: m["service"]["command"].append(word))

    found = complaints(tmp_path / "valheim")
    assert any(f"game.yml/service: {told}" in complaint for complaint in found), found


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ({"name": "x", "apt": {}}, "install.yml/x: calls apt by its short name"),
        ({"name": "x", "ansible.builtin.shell": "id"}, "no shell reads what people have typed"),
        ({"name": "x", "ansible.builtin.get_url": {}}, "import roles/artefact"),
        ({"name": "x", "ansible.builtin.import_tasks": "y.yml"}, "imports y.yml, which is not"),
        ({"name": "x", "ansible.builtin.import_role": {"name": "y"}}, "imports the role y"),
        ({"name": "x", "ansible.builtin.template": {"src": "y"}}, "writes y, which is not there"),
        ({"name": "x"}, "has 0 modules"),
        ({"ansible.builtin.stat": {}}, "has no name"),
        (
            {"name": "x", "ansible.builtin.copy": {"content": "{{ settings.password }}"}},
            "install.yml/x: tells the secret setting password (add no_log)",
        ),
        (
            {
                "name": "x",
                "ansible.builtin.template": {
                    "src": "server.conf.j2",
                    "dest": "/etc/luanti/default.conf",
                },
                "no_log": True,
                "notify": "Restart the game",
            },
            "install.yml/x: does not tell that settings are new",
        ),
        (
            {
                "name": "x",
                "ansible.builtin.copy": {"dest": "{{ settings.password }}"},
                "when": True,
            },
            "install.yml/x: tells the secret setting password (add no_log)",
        ),
        ({"name": "x", "block": [{"name": "y", "ansible.builtin.raw": "id"}]}, "install.yml/y"),
    ],
)
def test_a_task_is_held_to_its_rules(folder: Path, task: Any, told: str):
    changed(folder / "install.yml", lambda tasks: tasks.append(task))

    assert any(told in complaint for complaint in complaints(folder)), complaints(folder)


@pytest.mark.parametrize("kind", ["joined", "spoofs"])
def test_a_line_means_one_thing(folder: Path, kind: str):
    changed(folder / "lines.yml", lambda lines: lines.setdefault(kind, []).append(LEAVES))

    assert any(f"lines.yml/{kind}: is taken for left" in told for told in complaints(folder))


@pytest.mark.parametrize("other", ["settings.motd", "settings.motd | quoted_value"])
def test_a_text_goes_into_a_file_by_the_filter_of_its_format(folder: Path, other: str):
    template = folder / "templates" / "server.conf.j2"
    template.write_text(template.read_text().replace("settings.motd | ini_value", other))

    wanted = "end the expression with `| ini_value`"
    assert any("settings.motd" in told and wanted in told for told in complaints(folder))


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "game.yml/files: does not know /etc/luanti/default.conf"),
        ({"/etc/luanti/default.conf": "blocks", "/x": "ini"}, "game.yml/files/x: holds no setting"),
        ({"/etc/luanti/default.conf": "odd"}, "game.yml/files//etc/luanti/default.conf: 'odd' is"),
    ],
)
def test_files_have_a_format(folder: Path, files: dict[str, str], told: str):
    changed(folder / "game.yml", putting("files", value=files))

    assert any(told in complaint for complaint in complaints(folder)), complaints(folder)


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("game.yml", "[", "game.yml: cannot be read"),
        ("game.yml", "- 1", "game.yml: is not a mapping"),
        ("game.yml", "!!python/object:os.system {}", "game.yml: cannot be read"),
        ("settings.schema.json", "{", "settings.schema.json: cannot be read"),
        ("install.yml", "{}", "install.yml: is not a list of tasks"),
        ("install.yml", "[1]", "install.yml: holds something that is no task"),
        ("lines.yml", "{}", "lines.yml/ready: shows no line"),
        ("README.md", "hello", "README.md: is missing or has no heading"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(folder: Path, file: str, text: str, told: str):
    (folder / file).write_text(text)

    assert any(told in complaint for complaint in complaints(folder)), complaints(folder)


MALFORMED: list[tuple[str, tuple[str | int, ...], Any]] = [
    ("settings.schema.json", ("properties", "motd"), None),
    ("settings.schema.json", ("properties", "motd", "$ref"), "x"),
    ("settings.schema.json", ("properties", "motd", "x-file"), {}),
    ("settings.schema.json", ("required",), 5),
    ("install.yml", (0, "block"), None),
    ("install.yml", (1,), {5: 5}),
    ("install.yml", (0, "ansible.builtin.import_role"), None),
    ("install.yml", (0, "ansible.builtin.template"), "x"),
    ("lines.yml", ("ready", 0), None),
    ("lines.yml", ("said",), 5),
]


@pytest.mark.parametrize(("file", "path", "value"), MALFORMED)
def test_what_has_another_form_than_any_rule_expects_is_told(
    folder: Path, file: str, path: tuple[str | int, ...], value: object
):
    changed(folder / file, putting(*path, value=value))

    assert complaints(folder)


def test_versions_of_another_form_are_told(tmp_path: Path):
    folder = tmp_path / "minecraft-java"
    shutil.copytree(PLAYBOOKS / "games" / "minecraft-java", folder)
    for versions in ([], {"2.0.1": None}, {"2.0.1": {}}, {"2.0.1": {"artefacts": [{}]}}):
        (folder / "versions.yml").write_text(json.dumps({"versions": versions}))

        assert complaints(folder)


def test_the_command_tells_all_and_fails(folder: Path):
    changed(folder / "game.yml", putting("vm", "cores", "min", value=9))

    ended = CliRunner().invoke(command_line(), ["games", "lint", str(folder)])

    assert "luanti/game.yml/vm/cores: recommends less than the least" in ended.output
    assert "recommend as much or more" in ended.output
    assert isinstance(ended.exception, Failure)


def test_the_whole_catalogue_is_read_unless_a_folder_is_named():
    ended = CliRunner().invoke(command_line(), ["games", "lint"])

    assert ended.exit_code == 0, ended.output
    assert "0 thing(s) to correct" in ended.output


def test_the_catalogue_is_the_one_the_stack_is_given(tmp_path: Path):
    ended = CliRunner().invoke(
        command_line(), ["games", "lint"], env={"SPAWNYARD_PLAYBOOKS": str(tmp_path)}
    )

    assert ended.output.startswith("0 game(s) read"), ended.output
