"""systemd of the guest: which units are there, enabled, running, and why one failed."""

import posixpath
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from proxmox_lab.guests.simulated.model.files import FileTree, Kind, Node
from proxmox_lab.guests.simulated.model.journal import Journal
from proxmox_lab.guests.simulated.model.unit_files import UnitFile, find_unit, full_name

ENABLED_IN = "/etc/systemd/system"


class Activity(StrEnum):
    """systemd's ActiveState."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    FAILED = "failed"


@dataclass(slots=True, kw_only=True)
class UnitState:
    """What systemd remembers of a unit since boot."""

    activity: Activity = Activity.INACTIVE
    result: str = "success"
    pid: int = 0
    since: float = field(default_factory=time.time)
    loaded: UnitFile | None = None
    journal: Journal = field(default_factory=Journal)


class Units:
    """Unit files on disk beside their state in memory."""

    def __init__(self, files: FileTree) -> None:
        """Nothing runs yet."""
        self._files = files
        self.states: dict[str, UnitState] = {}

    def canonical(self, name: str) -> str:
        """The name a unit goes by: an alias (a linked unit file) is followed."""
        unit = find_unit(self._files, name)
        if unit is None or unit.path == "/dev/null" or "@" in unit.name:
            return full_name(name)
        return posixpath.basename(self._files.resolve(unit.path))

    def find(self, name: str) -> UnitFile | None:
        """The unit as systemd has it: as loaded, until a reload reads the disk again."""
        name = self.canonical(name)
        state = self.states.get(name)
        return state.loaded if state and state.loaded else find_unit(self._files, name)

    def state(self, name: str) -> UnitState:
        """The state of a unit, made when asked for the first time."""
        return self.states.setdefault(self.canonical(name), UnitState())

    def stale(self, name: str) -> bool:
        """Whether the file on disk differs from what systemd has loaded."""
        loaded = self.state(name).loaded
        on_disk = find_unit(self._files, self.canonical(name))
        return loaded is not None and on_disk is not None and loaded.text != on_disk.text

    def reload(self) -> None:
        """daemon-reload: forget what was loaded."""
        for state in self.states.values():
            state.loaded = None

    def masked(self, name: str) -> bool:
        """Whether the unit is linked to /dev/null."""
        unit = find_unit(self._files, full_name(name))
        return unit is not None and unit.path == "/dev/null"

    def mask(self, name: str, *, masked: bool) -> None:
        """Link the unit to /dev/null, or take the link away."""
        path = f"{ENABLED_IN}/{full_name(name)}"
        if masked:
            self._files.put(path, _link("/dev/null"))
        else:
            self._files.remove(path)

    def enabled(self, name: str) -> bool:
        """Whether something wants the unit at boot."""
        return any(self._files.find(link, follow=False) for link in self._links(name))

    def installable(self, name: str) -> bool:
        """Whether the unit says who wants it."""
        return bool(self._links(name))

    def enable(self, name: str, *, enabled: bool) -> None:
        """Make or remove the links that start a unit at boot."""
        unit = find_unit(self._files, self.canonical(name))
        for link in self._links(name):
            self._files.remove(link)
            if enabled and unit is not None:
                self._files.make_directories(posixpath.dirname(link))
                self._files.put(link, _link(unit.path))

    def wanted_at_boot(self) -> list[str]:
        """Names of all enabled units."""
        return sorted(
            {
                posixpath.basename(path)
                for path, node in self._files.nodes.items()
                if node.kind is Kind.LINK and path.startswith(ENABLED_IN) and ".wants/" in path
            }
        )

    def known(self) -> list[str]:
        """Names of every unit that has a file or a state."""
        names = set(self.states)
        for folder in (ENABLED_IN, "/usr/lib/systemd/system"):
            names |= {name for name in self._files.children(folder) if name.endswith(".service")}
        return sorted(name for name in names if not name.endswith("@.service"))

    def _links(self, name: str) -> list[str]:
        name = self.canonical(name)
        unit = find_unit(self._files, name)
        targets = unit.all("Install", "WantedBy") if unit else []
        return [
            f"{ENABLED_IN}/{target}.wants/{name}" for line in targets for target in line.split()
        ]


def environment(unit: UnitFile, read: Callable[[str], str | None]) -> dict[str, str]:
    """The unit's variables; ``read`` gives a file's text, or none when it is not there."""
    variables: dict[str, str] = {}
    for line in unit.all("Service", "Environment"):
        variables |= _pairs(shlex.split(line))
    for path in unit.all("Service", "EnvironmentFile"):
        text = read(path.removeprefix("-"))
        if text is None and not path.startswith("-"):
            raise FileNotFoundError(path)
        variables |= _pairs(shlex.split(text or "", comments=True))
    return variables


def _pairs(words: list[str]) -> dict[str, str]:
    return {word.partition("=")[0]: word.partition("=")[2] for word in words if "=" in word}


def _link(target: str) -> Node:
    return Node(kind=Kind.LINK, mode=0o777, target=target)
