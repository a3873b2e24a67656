"""The total of `task 7 of 23` is what Ansible will start, however a playbook is put together."""

from pathlib import Path

import pytest

from provisioner.adapters.task_count import count_tasks

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
SITE = """
- hosts: guest
  gather_facts: false
  roles: [{role: base}, plain]
  tasks:
    - name: The game's own
      ansible.builtin.import_tasks: "games/{{ game }}/install.yml"
    - name: At the end
      ansible.builtin.debug: {}
  handlers:
    - name: Restart
      ansible.builtin.debug: {}
"""
ONE = "- {name: One, ansible.builtin.debug: {}}\n"
TASKS = {
    "a plain task": (ONE, 1),
    "an import": ("- import_tasks: two.yml\n", 2),
    "an import with its file named": ("- ansible.builtin.import_tasks: {file: two.yml}\n", 2),
    "an include is a task itself": ("- ansible.builtin.include_tasks: two.yml\n", 3),
    "an imported role": ("- ansible.builtin.import_role: {name: plain}\n", 1),
    "a part of a role": ("- import_role: {name: plain, tasks_from: more.yml}\n", 2),
    "an included role": ("- ansible.builtin.include_role: {name: plain}\n", 2),
    "a role with what it stands on": ("- import_role: {name: upper}\n", 2),
    "a block, without its rescue": (
        f"- block: [{ONE[2:-1]}]\n  rescue: [{ONE[2:-1]}]\n  always: [{ONE[2:-1]}]\n",
        2,
    ),
    "an order to Ansible itself": ("- ansible.builtin.meta: flush_handlers\n", 1),
    "a name known later": ('- include_tasks: "{{ which }}.yml"\n', 1),
    "one that includes itself": ("- import_tasks: install.yml\n", 0),
}


@pytest.fixture
def playbooks(tmp_path: Path) -> Path:
    files = {
        "site.yml": SITE,
        "roles/base/tasks/main.yml": ONE,
        "roles/plain/tasks/main.yml": ONE,
        "roles/plain/tasks/more.yml": ONE * 2,
        "roles/upper/tasks/main.yml": ONE,
        "roles/upper/meta/main.yml": "dependencies: [{role: plain}]\n",
        "games/pong/two.yml": ONE * 2,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize("what", TASKS)
def test_what_ansible_starts_is_counted(playbooks: Path, what: str):
    text, tasks = TASKS[what]
    (playbooks / "games/pong/install.yml").write_text(text)

    assert count_tasks(playbooks, playbooks / "games/pong") == 3 + tasks


def test_what_only_a_tag_asks_for_does_not_count(playbooks: Path):
    text = "- {name: a, command: a, tags: [never, again]}\n- {name: b, command: b, tags: [x]}\n"
    (playbooks / "games/pong/install.yml").write_text(text)

    assert count_tasks(playbooks, playbooks / "games/pong") == 3 + 1


def test_gathering_facts_is_a_task(playbooks: Path):
    (playbooks / "games/pong/install.yml").write_text("")
    site = playbooks / "site.yml"
    site.write_text(SITE.replace("gather_facts: false", "become: true"))

    assert count_tasks(playbooks, playbooks / "games/pong") == 4


def test_every_game_of_the_catalogue_can_be_counted():
    for folder in (PLAYBOOKS / "games").iterdir():
        assert count_tasks(PLAYBOOKS, folder) > 3
