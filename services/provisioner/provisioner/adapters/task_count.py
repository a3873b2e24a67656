"""How many tasks a run of a playbook will start, without asking Ansible.

What is imported (tasks, roles) is counted in place of the import; what is included as well,
and the including task too, because Ansible starts that one as a task of its own. Names that
are known only when the playbook runs count as the one task that includes them. An order to
Ansible itself (``meta``) is started like any other task. Those that are played only if a tag asks
for them (``never``) do not count.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import JsonValue

Entry = Mapping[str, Any]

BUILTIN: Final = "ansible.builtin."
FILES: Final[Mapping[str, bool]] = {"import_tasks": False, "include_tasks": True}
ROLES: Final[Mapping[str, bool]] = {"import_role": False, "include_role": True}
BLOCKS: Final = ("block", "always")  # a rescue begins only if something fails
SECTIONS: Final = ("pre_tasks", "tasks", "post_tasks")
DEEPEST: Final = 12  # a file that includes itself is not followed for ever


def count_tasks(playbooks: Path, game: Path, *, playbook: str = "site.yml") -> int:
    """Return how many tasks are started for the game whose folder is ``game``."""
    if not (playbooks / playbook).is_file():
        return 0
    counter = _Counter(playbooks=playbooks, game=game)
    return sum(counter.of_play(play) for play in _read(playbooks / playbook))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counter:
    playbooks: Path
    game: Path

    def of_play(self, play: Entry) -> int:
        count = 1 if play.get("gather_facts", True) else 0
        for role in play.get("roles", ()):
            count += self.of_role({"name": role} if isinstance(role, str) else role, depth=0)
        for section in SECTIONS:
            count += self.of_tasks(play.get(section, ()), folder=self.playbooks, depth=0)
        return count

    def of_role(self, role: Entry, *, depth: int) -> int:
        folder = self.playbooks / "roles" / str(role.get("name") or role.get("role"))
        count = sum(
            self.of_role({"name": other} if isinstance(other, str) else other, depth=depth + 1)
            for other in _dependencies(folder / "meta" / "main.yml")
            if depth < DEEPEST
        )
        name = str(role.get("tasks_from", "main")).removesuffix(".yml")
        return count + self.of_file(folder / "tasks" / f"{name}.yml", depth=depth)

    def of_file(self, file: Path, *, depth: int) -> int:
        if depth > DEEPEST or not file.is_file():
            return 0
        return self.of_tasks(_read(file), folder=file.parent, depth=depth + 1)

    def of_tasks(self, tasks: Sequence[Entry], *, folder: Path, depth: int) -> int:
        return sum(self.of_task(task, folder=folder, depth=depth) for task in tasks)

    def of_task(self, task: Entry, *, folder: Path, depth: int) -> int:
        if "never" in task.get("tags", ()):
            return 0
        words = {name.removeprefix(BUILTIN): value for name, value in task.items()}
        if "block" in words:
            inner = [one for part in BLOCKS for one in words.get(part, ())]
            return self.of_tasks(inner, folder=folder, depth=depth)
        for word, own in FILES.items():
            if word in words:
                return own + self.of_file(self._file(words[word], folder), depth=depth)
        for word, own in ROLES.items():
            if word in words:
                return own + self.of_role(words[word], depth=depth)
        return 1

    def _file(self, named: JsonValue, folder: Path) -> Path:
        name = str(named["file"] if isinstance(named, dict) else named)
        return folder / name.replace("{{ game }}", self.game.name)


def _dependencies(file: Path) -> Iterator[Any]:
    if file.is_file():
        meta: Mapping[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        yield from meta.get("dependencies", ())


def _read(file: Path) -> Sequence[Entry]:
    return yaml.safe_load(file.read_text(encoding="utf-8")) or ()
