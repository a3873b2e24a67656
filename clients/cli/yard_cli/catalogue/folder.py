"""A game's folder, read: manifest, settings, tasks and templates as plain data."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import yaml

from yard_cli.catalogue.complaint import Complaint, Unreadable

MANIFEST: Final = "game.yml"
SETTINGS: Final = "settings.schema.json"
BLOCKS: Final = ("block", "rescue", "always")

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class GameFolder:
    """What stands in a folder. ``tasks``: by file, those in blocks among them."""

    path: Path
    manifest: Entry
    settings: Entry
    tasks: Mapping[str, Sequence[Entry]]
    templates: Mapping[str, str]
    versions: Mapping[str, Entry]
    lines: Entry

    @property
    def properties(self) -> Mapping[str, Entry]:
        """The settings, each with its schema."""
        return self.settings.get("properties", {})


def read(path: Path) -> GameFolder:
    """Read a folder. Raises ``Unreadable`` for what is missing or no YAML or JSON."""
    return GameFolder(
        path=path,
        manifest=_mapping(path, MANIFEST),
        settings=_mapping(path, SETTINGS),
        tasks={file.name: list(_tasks(path, file.name)) for file in _task_files(path)},
        templates={
            file.name: file.read_text(encoding="utf-8")
            for file in sorted((path / "templates").glob("*.j2"))
        },
        versions=_optional(path, "versions.yml").get("versions", {}),
        lines=_optional(path, "lines.yml"),
    )


def _task_files(path: Path) -> list[Path]:
    known = (MANIFEST, "versions.yml", "lines.yml")
    return [path / "install.yml"] + [
        file for file in sorted(path.glob("*.yml")) if file.name not in (*known, "install.yml")
    ]


def _tasks(path: Path, name: str) -> Iterator[Entry]:
    found = _parsed(path, name)
    if not isinstance(found, list):
        raise _unreadable(name, "is not a list of tasks", "begin each task with `- name:`")
    waiting = cast("list[Any]", found)
    for task in waiting:
        if not isinstance(task, dict):
            raise _unreadable(
                name, "holds something that is no task", "give it a name and a module"
            )
        entry = cast("Entry", task)
        waiting += [inner for part in BLOCKS for inner in entry.get(part, ())]
        if "block" not in entry:
            yield entry


def _optional(path: Path, name: str) -> Entry:
    return _mapping(path, name) if (path / name).exists() else {}


def _mapping(path: Path, name: str) -> Entry:
    found = _parsed(path, name)
    if not isinstance(found, dict):
        raise _unreadable(name, "is not a mapping", "see docs/how-to/add-a-game.md")
    return cast("Entry", found)


def _parsed(path: Path, name: str) -> Any:  # noqa: ANN401  somebody's file
    try:
        text = (path / name).read_text(encoding="utf-8")
        return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)
    except FileNotFoundError:
        raise _unreadable(name, "is missing", "see docs/how-to/add-a-game.md") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _unreadable(name, f"cannot be read: {error}", "correct its syntax") from error


def _unreadable(name: str, wrong: str, remedy: str) -> Unreadable:
    return Unreadable(Complaint(place=name, wrong=wrong, remedy=remedy))
