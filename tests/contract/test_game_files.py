"""Whatever people type lands in a game's files as that text, and adds no line to them."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from provisioner.domain.inventory import unsafe
from yard_cli.catalogue.folder import GameFolder, read
from yard_cli.catalogue.rules import House

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
FOLDERS = House(PLAYBOOKS).folders()
PAYLOADS = (
    "plain", "{{ 7 * 7 }}", "{{ lookup('pipe', 'id') }}", "{% for x in [1] %}", "{# no #}", "}}",
    "{{", "!unsafe x", "!vault |", "$HOME", "${x}", "$(id)", "`id`", "; id", "&& id", "| id",
    "> /etc/passwd", "a'b", 'a"b', "'", '"', "\\", "a\\", "\\n", "\\u000a", "%n", "%%", "#", "# no",
    "a # b", "=", "a = b", "a=b=c", "[section]", "a: b", "- a", "é 漢 😀", " both ends ", "true",
    "\N{ZERO WIDTH SPACE}", "\N{RIGHT-TO-LEFT OVERRIDE}abc", "a\tb", "a\nb", "a\r\nb = c", "\0",
)  # fmt: skip
LOCK = {"version": "1", "artefacts": [{"name": "server.jar"}], "runtime": {"java": "21"}}
PLAY = """
- hosts: guest
  gather_facts: false
  tasks:
    - ansible.builtin.include_vars: {file: "{{ folder }}/game.yml", name: manifest}
    - ansible.builtin.copy:
        dest: "{{ out }}"
        content: >-
          {%- set found = [] -%}
          {%- for case in cases -%}
          {%- set texts = {} -%}
          {%- for name, file in files.items() -%}
          {%- set _ = texts.update({name: lookup(
            'ansible.builtin.template', file, convert_data=false, template_vars={'settings': case}
          )}) -%}
          {%- endfor -%}
          {%- set _ = found.append(texts) -%}
          {%- endfor -%}
          {{ found | to_json }}
"""
SLOT = re.compile(
    r"^(?P<before>[^{]*)\{\{ settings\.(?P<name>\w+)(?: \| (?P<filter>\w+))? \}\}$", re.MULTILINE
)


def from_properties(value: str) -> str:
    def meant(found: re.Match[str]) -> str:
        return chr(int(found[2], 16)) if found[2] else found[1]

    text = re.sub(r"\\(u([0-9a-f]{4})|.)", meant, value.lstrip(" "))
    return text.encode("utf-16", "surrogatepass").decode("utf-16")


# How the game reads what a filter has written, and what it should be then.
READERS: Mapping[str | None, tuple[Callable[[str], str], Callable[[Any], str]]] = {
    None: (str, str),
    "int": (str, lambda value: str(int(value))),
    "lower": (str, lambda value: str(value).lower()),
    "ini_value": (str, str.strip),
    "properties_value": (from_properties, str),
    "quoted_value": (lambda text: re.sub(r"\\(.)", r"\1", text[1:-1]), str),
}


def cases(game: GameFolder) -> list[dict[str, Any]]:
    """Every payload in every text at once, but where the schema keeps it out."""
    properties = game.properties
    schema: Any = {**game.settings, "required": []}
    usual = {name: of.get("default", of.get("const")) for name, of in properties.items()}
    usual |= game.lines.get("required", {})
    usual |= {name: value or "x" for name, value in usual.items() if isinstance(value, str)}

    def case(payload: str) -> dict[str, Any]:
        taken = (name for name, of in properties.items() if of.get("type") == "string")
        fits = Draft202012Validator(schema).is_valid
        return usual | {name: payload for name in taken if fits({name: payload})}

    return [usual, *map(case, PAYLOADS)]


def written(game: GameFolder, tmp_path: Path) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """Let Ansible write every file of the game, and its unit, for every case."""
    files = {name: str(game.path / "templates" / name) for name in game.templates}
    if "service" in game.manifest:
        files["unit"] = str(PLAYBOOKS / "roles/service/templates/game.service.j2")
    given = {
        "cases": unsafe(cases(game)),  # type: ignore[arg-type]
        "files": files,
        "folder": str(game.path),
        "out": str(tmp_path / "out.json"),
        "unit": game.manifest["unit"],
        "ports": {port["name"]: port["number"] for port in game.manifest["ports"]},
        "memory_mib": 2048,
        "lock": unsafe(LOCK),  # type: ignore[arg-type]
        "ansible_python_interpreter": sys.executable,
    }
    (tmp_path / "play.yml").write_text(PLAY)
    (tmp_path / "given.json").write_text(json.dumps(given))
    played = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-playbook"),
            *("-i", "guest,", "-c", "local", "-e", f"@{tmp_path}/given.json"),
            str(tmp_path / "play.yml"),
        ],
        check=False,
        capture_output=True,
        text=True,
        env={
            "HOME": str(tmp_path),
            "LC_ALL": "C.UTF-8",
            "PATH": "/usr/bin:/bin",
            "ANSIBLE_FILTER_PLUGINS": str(PLAYBOOKS / "filter_plugins"),
        },
        timeout=100,
    )
    assert played.returncode == 0, played.stdout[-2000:] + played.stderr[-2000:]
    found = json.loads((tmp_path / "out.json").read_text())
    # What Ansible fails to write it leaves out without a word.
    assert all(texts.keys() == files.keys() for texts in found)
    return list(zip(cases(game), found, strict=True))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_setting_is_read_back_as_it_was_typed(folder: Path, tmp_path: Path):
    game = read(folder)
    found = written(game, tmp_path)
    _, usual = found[0]

    for settings, texts in found:
        for name, text in texts.items():
            assert len(text.splitlines()) == len(usual[name].splitlines()), settings
            for slot in SLOT.finditer(game.templates.get(name, "")):
                [value] = re.findall(rf"^{re.escape(slot['before'])}(.*)$", text, re.MULTILINE)
                read_back, expected = READERS[slot["filter"]]
                assert read_back(value) == expected(settings[slot["name"]])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_reading_back_misses_no_setting_that_holds_text(folder: Path):
    game = read(folder)
    in_files = {name for name, of in game.properties.items() if of["x-target"] == "file"}
    slots = {slot["name"] for text in game.templates.values() for slot in SLOT.finditer(text)}
    as_json = {
        name
        for file, text in game.templates.items()
        if file.endswith(".json.j2")
        for name in in_files
        if f"settings.{name}" in text
    }

    assert slots <= in_files
    texts = {name for name in in_files if game.properties[name].get("type") == "string"}
    assert texts <= slots | as_json


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_files_of_json_hold_every_value_as_it_was_typed(folder: Path, tmp_path: Path):
    game = read(folder)
    files = [file for file in game.templates if file.endswith(".json.j2")]
    if not files:
        pytest.skip("writes none")

    for settings, texts in written(game, tmp_path):
        for file in files:
            members = json.loads(texts[file]).values()
            for name, of in game.properties.items():
                if of["x-target"] == "file" and of.get("type") == "string":
                    assert settings[name] in members, name
