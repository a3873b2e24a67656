"""Every game folder keeps the catalogue's rules."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from provisioner.adapters.games import GameFolders

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
FOLDERS = sorted(path.parent for path in PLAYBOOKS.glob("games/*/game.yml"))
MODELLED = {
    "apt", "command", "copy", "file", "get_url", "group", "import_role", "import_tasks", "meta",
    "stat", "systemd_service", "template", "user",
}  # fmt: skip
# To be accepted for what a person has to accept, and nothing else.
ACCEPTED = {"eula": True}

pytestmark = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def manifest(folder: Path):
    return yaml.safe_load((folder / "game.yml").read_text())


def schema(folder: Path):
    return json.loads((folder / "settings.schema.json").read_text())


def tasks(folder: Path):
    return yaml.safe_load((folder / "install.yml").read_text())


def test_the_manifest_fits_its_schema_and_its_folder(folder: Path):
    rules = json.loads((PLAYBOOKS / "schema" / "game.schema.json").read_text())
    Draft202012Validator.check_schema(rules)

    Draft202012Validator(rules).validate(manifest(folder))

    assert manifest(folder)["id"] == folder.name


def test_ports_are_unique_and_the_query_s_port_is_one_of_them(folder: Path):
    ports = manifest(folder)["ports"]

    assert len({(p["protocol"], p["number"]) for p in ports}) == len(ports)
    assert len({p["name"] for p in ports}) == len(ports)
    assert manifest(folder)["query"]["port"] in {p["name"] for p in ports}


def test_no_two_games_share_a_port(folder: Path):
    ours = {(p["protocol"], p["number"]) for p in manifest(folder)["ports"]}

    for other in set(FOLDERS) - {folder}:
        assert not ours & {(p["protocol"], p["number"]) for p in manifest(other)["ports"]}


def test_regular_expressions_compile_and_work_in_linear_time(folder: Path):
    expression = manifest(folder)["ready"].get("console", "")

    re.compile(expression)
    assert not re.search(r"\(\?([=!]|<[=!])|\\[1-9]", expression), "not of RE2"


def test_the_settings_are_closed_typed_and_their_defaults_valid(folder: Path):
    rules = schema(folder)
    Draft202012Validator.check_schema(rules)

    assert rules["additionalProperties"] is False
    needed = {name: value for name, value in ACCEPTED.items() if name in rules["properties"]}
    games = GameFolders(PLAYBOOKS)
    full = games.complete(games.find(folder.name), needed)

    assert full.keys() == rules["properties"].keys(), "each has a default or must be accepted"


@pytest.mark.parametrize("bad", ["a\nb", "a\n", "\n", "a\rb", "\0", "a\x1bb"])
def test_no_text_setting_takes_a_second_line_or_a_control_character(folder: Path, bad: str):
    rules = schema(folder)
    texts = [name for name, of in rules["properties"].items() if of.get("type") == "string"]
    needed = {name: value for name, value in ACCEPTED.items() if name in rules["properties"]}

    for name in texts:
        assert not Draft202012Validator(rules).is_valid({**needed, name: bad}), name


def test_tasks_use_few_modules_by_their_full_names_and_no_shell(folder: Path):
    words = {"name", "notify", "register", "when", "until", "retries", "delay", "changed_when",
             "failed_when", "no_log", "loop", "vars"}  # fmt: skip

    for task in tasks(folder):
        [module] = set(task) - words
        assert module.startswith("ansible.builtin."), task["name"]
        assert module.removeprefix("ansible.builtin.") in MODELLED, task["name"]


def test_every_download_is_verified_by_a_checksum(folder: Path):
    for task in tasks(folder):
        download = task.get("ansible.builtin.get_url")
        assert download is None, "roles/artefact downloads, and verifies"


def test_every_version_offered_is_locked(folder: Path):
    lock = folder / "versions.yml"
    locked = yaml.safe_load(lock.read_text())["versions"] if lock.exists() else {}

    for artefact in (artefact for one in locked.values() for artefact in one["artefacts"]):
        assert artefact["url"].startswith("https://")
        assert re.fullmatch(r"sha1:[0-9a-f]{40}", artefact["checksum"])
        assert artefact["checksum"].removeprefix("sha1:") in artefact["url"]


def test_there_is_a_readme(folder: Path):
    assert (folder / "README.md").read_text().startswith("# ")


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
    orders_to_ansible = checked.stdout.count("Restart now if anything changed")
    assert GameFolders(PLAYBOOKS).find(folder.name).tasks == listed - orders_to_ansible


def test_who_writes_a_secret_into_a_file_keeps_its_words_back(folder: Path):
    secrets = GameFolders(PLAYBOOKS).find(folder.name).secrets
    writing = {
        task["ansible.builtin.template"]["src"]: str(task.get("no_log", ""))
        for task in tasks(folder)
        if "ansible.builtin.template" in task
    }

    for source, no_log in writing.items():
        text = (folder / "templates" / source).read_text()
        for name in secrets:
            if f"settings.{name}" in text:
                assert f"settings.{name}" in no_log or no_log == "True"
