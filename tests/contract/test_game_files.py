"""Whatever people set lands in a game's files, and what they type as that text and no more.

Ansible itself writes the files here; other programs' rules read them.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from provisioner.domain.inventory import unsafe
from tests.games.landing import SECRETS, UNIT, Case, Landing, Texts, landing
from yard_cli.catalogue.folder import read
from yard_cli.catalogue.rules import House

# Ansible takes its time for some hundred files, and longer beside other work.
pytestmark = pytest.mark.timeout(600)

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
FOLDERS = House(PLAYBOOKS).folders()
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


def written(where: Landing, cases: Sequence[Case], tmp_path: Path) -> list[Texts]:
    """Let Ansible write every file of the game, and its unit, for every case."""
    game = where.game
    files = {name: str(game.path / "templates" / name) for name in game.templates}
    if "service" in game.manifest:
        files[UNIT] = str(PLAYBOOKS / "roles/service/templates/game.service.j2")
        files[SECRETS] = str(PLAYBOOKS / "roles/service/templates/game.secrets.j2")
    given = {
        "cases": unsafe(cases),  # type: ignore[arg-type]
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
        timeout=550,
    )
    assert played.returncode == 0, played.stdout[-2000:] + played.stderr[-2000:]
    found: list[Any] = json.loads((tmp_path / "out.json").read_text())
    # What Ansible fails to write it leaves out without a word.
    assert all(texts.keys() == files.keys() for texts in found)
    return found


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_setting_lands_as_it_was_typed(folder: Path, tmp_path: Path):
    where = landing(read(folder))

    found = written(where, where.cases, tmp_path)

    assert sorted(set(where.wrongs(found))) == []
