"""Rows F37 and F38 with real Ansible: what a playbook may say and do, and how its run ends."""

import sys
from pathlib import Path
from typing import Any

import pytest

from provisioner.adapters.ansible.supervised import AnsiblePlaybooks
from provisioner.domain.play import Play, TaskEvent

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

LOCAL: Any = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
PLAYBOOK = """
- hosts: guest
  gather_facts: false
  tasks:
    - name: Talk
      ansible.builtin.command:
        argv: ["{{ python }}", "-c", "{{ script }}"]
"""
SCRIPTS = {
    "50 MB": "import sys; sys.stdout.write('x' * 50_000_000 + chr(10)); sys.exit(3)",
    "no newline": "import sys; sys.stderr.write('half a line'); sys.exit(3)",
    "binary": "import os, sys; os.write(2, bytes(range(256)) * 100); sys.exit(3)",
}


class Told(list[TaskEvent]):
    async def tell(self, event: TaskEvent) -> None:
        self.append(event)


def a_play(script: str, *, hang: float = 900) -> Play:
    return Play(
        name="srv_o",
        playbook="site.yml",
        inventory={"all": {"hosts": {"guest": LOCAL}}},
        variables={"python": sys.executable, "script": script},
        known_hosts="",
        hang=hang,
    )


@pytest.fixture
def playbooks(tmp_path: Path, runs: Path) -> AnsiblePlaybooks:
    (tmp_path / "site.yml").write_text(PLAYBOOK)
    return AnsiblePlaybooks(project=tmp_path, runs=runs)


@pytest.mark.parametrize("said", SCRIPTS)
async def test_whatever_a_task_says_its_failure_is_told_in_few_words(
    playbooks: AnsiblePlaybooks, said: str
):
    told = Told()

    ended = await playbooks.play(a_play(SCRIPTS[said]), tell=told.tell)

    assert (ended.status, ended.code) == ("failed", 2)
    assert (told[-1].kind, told[-1].task) == ("failed", "Talk")
    assert 0 < len(told[-1].message) <= 2_000
    assert len(ended.model_dump_json()) < 256 * 1024


async def test_a_task_that_never_ends_is_ended_with_all_it_started(
    playbooks: AnsiblePlaybooks, tmp_path: Path
):
    script = (
        "import os, subprocess, time; "
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(subprocess.Popen(['sleep', 'inf']).pid)); "
        "time.sleep(100_000)"
    )

    ended = await playbooks.play(a_play(script, hang=8), tell=Told().tell)

    assert ended.status == "hung"
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()


async def test_a_folder_for_runs_that_cannot_be_made_fails_the_run(tmp_path: Path):
    (tmp_path / "runs").write_text("a file")
    playbooks = AnsiblePlaybooks(project=tmp_path, runs=tmp_path / "runs")

    ended = await playbooks.play(a_play(""), tell=Told().tell)

    assert ended.status == "broken"
    assert ended.output
