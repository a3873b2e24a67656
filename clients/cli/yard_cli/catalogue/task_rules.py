"""What a game's tasks may do: few modules, no shell, no download of their own, no secret told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

from yard_cli.catalogue.complaint import Complaint
from yard_cli.catalogue.folder import Entry, GameFolder

BUILTIN: Final = "ansible.builtin."
# Those that the simulated guest models, so that every game can be tested without a real one.
MODULES: Final = frozenset(
    {"apt", "command", "copy", "file", "group", "import_role", "import_tasks", "meta", "replace",
     "stat", "systemd_service", "template", "unarchive", "user"}
)  # fmt: skip
WORDS: Final = frozenset(
    {"name", "notify", "register", "when", "until", "retries", "delay", "changed_when",
     "failed_when", "no_log", "loop", "loop_control", "vars"}
)  # fmt: skip
REMEDIES: Final = {
    "get_url": "import roles/artefact, which verifies what it fetches",
    "shell": "use a module; no shell reads what people have typed",
    "raw": "use a module; no shell reads what people have typed",
}
NEW_SETTINGS: Final = "{{ on_new_settings }}"


def task_rules(game: GameFolder, roles: Path) -> Iterator[Complaint]:
    """Hold tasks against the rules."""
    for file, tasks in game.tasks.items():
        for task in tasks:
            place = f"{file}/{task.get('name', 'a task without a name')}"
            for wrong, remedy in _task(game, task, roles):
                yield Complaint(place=place, wrong=wrong, remedy=remedy)
    yield from _secrets(game)
    yield from _unheard(game)


def _task(game: GameFolder, task: Entry, roles: Path) -> Iterator[tuple[str, str]]:
    if "name" not in task:
        yield "has no name", "say what it brings about"
    modules = sorted(set(task) - WORDS)
    if len(modules) != 1:
        yield f"has {len(modules)} modules: {', '.join(modules)}", "give it one"
        return
    [module] = modules
    short = module.removeprefix(BUILTIN)
    if module == short:
        yield f"calls {module} by its short name", f"{BUILTIN}{module}"
    if short not in MODULES:
        known = f"use one of {', '.join(sorted(MODULES))}"
        yield f"uses the module {short}", REMEDIES.get(short, known)
    yield from _named(game, short, task[module], roles)


def _named(
    game: GameFolder,
    module: str,
    named: Any,  # noqa: ANN401  a module's arguments
    roles: Path,
) -> Iterator[tuple[str, str]]:
    if module == "import_tasks" and str(named) not in game.tasks:
        yield f"imports {named}, which is not there", "write it, beside install.yml"
    if module == "import_role":
        file = roles / named["name"] / "tasks" / f"{named.get('tasks_from', 'main')}.yml"
        if not file.is_file():
            yield f"imports the role {named['name']}", f"one of those in {roles}"
    if module == "template" and named["src"] not in game.templates:
        yield f"writes {named['src']}, which is not there", "put it into templates/"


def _secrets(game: GameFolder) -> Iterator[Complaint]:
    secrets = [name for name, of in game.properties.items() if of.get("x-secret")]
    for file, tasks in game.tasks.items():
        for task in tasks:
            # A condition is told as it stands, not what it came to.
            written = str({word: said for word, said in task.items() if word != "when"})
            source = task.get(f"{BUILTIN}template", {}).get("src", "")
            written += game.templates.get(source, "")
            no_log = str(task.get("no_log", ""))
            for name in secrets:
                is_kept = no_log == "True" or f"settings.{name}" in no_log
                if f"settings.{name}" in written and not is_kept:
                    place = f"{file}/{task.get('name')}"
                    wrong = f"tells the secret setting {name}"
                    yield Complaint(place=place, wrong=wrong, remedy="add no_log")


def _unheard(game: GameFolder) -> Iterator[Complaint]:
    """A file with settings in it says so: whether the game is restarted depends on which differ."""
    settled = {of["x-file"] for of in game.properties.values() if "x-file" in of}
    for file, tasks in game.tasks.items():
        for task in tasks:
            written: Any = task.get(f"{BUILTIN}template")
            if not isinstance(written, dict) or cast("Entry", written).get("dest") not in settled:
                continue
            if task.get("notify") != NEW_SETTINGS:
                yield Complaint(
                    place=f"{file}/{task.get('name')}",
                    wrong="does not tell that settings are new",
                    remedy=f'notify: "{NEW_SETTINGS}"',
                )
