"""Unit files as systemd reads them: sections, drop-ins, specifiers, and where they lie."""

import re
import shlex
from dataclasses import dataclass

from proxmox_lab.guests.simulated.model.files import FileTree, Kind

SEARCH_PATH = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system")
SUFFIXES = (".service", ".timer", ".socket", ".target", ".path", ".mount")
NULL = "/dev/null"
EXEC_PREFIXES = "@-:+!"
SPECIFIER = re.compile("%.")

Entries = tuple[tuple[str, str, str], ...]  # (section, key, value), in the order written


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFile:
    """A unit as it is on disk, drop-ins merged. ``entries`` keep what was written, in order."""

    name: str
    path: str
    text: str
    entries: Entries

    def all(self, section: str, key: str) -> list[str]:
        """Every value of a key; an empty assignment forgets the ones before it."""
        values: list[str] = []
        for its_section, its_key, value in self.entries:
            if (its_section, its_key) == (section, key):
                values = [*values, value] if value else []
        return values

    def get(self, section: str, key: str, default: str = "") -> str:
        """The last value of a key."""
        values = self.all(section, key)
        return values[-1] if values else default

    def argv(self) -> list[str]:
        """The main command, its prefixes and quotes taken off."""
        line = self.get("Service", "ExecStart").lstrip(EXEC_PREFIXES)
        return shlex.split(line)


def full_name(name: str) -> str:
    """``ssh`` is ``ssh.service``."""
    return name if name.endswith(SUFFIXES) else f"{name}.service"


def find_unit(files: FileTree, name: str) -> UnitFile | None:
    """The unit of this name (an instance of a template too), or none; masked ones have no text."""
    name = full_name(name)
    for candidate in (name, _template_of(name)):
        for folder in SEARCH_PATH:
            path = f"{folder}/{candidate}"
            node = files.find(path, follow=False)
            if candidate and node is not None and node.kind is not Kind.DIRECTORY:
                masked = node.kind is Kind.LINK and node.target == NULL
                return _load(files, name=name, path=path, masked=masked)
    return None


def _load(files: FileTree, *, name: str, path: str, masked: bool) -> UnitFile:
    text = "" if masked else files.text(path) + _drop_ins(files, name)
    return UnitFile(name=name, path=NULL if masked else path, text=text, entries=_parse(text, name))


def _drop_ins(files: FileTree, name: str) -> str:
    found: dict[str, str] = {}
    for folder in reversed(SEARCH_PATH):
        for base in (_template_of(name), name):
            directory = f"{folder}/{base}.d"
            if base and files.is_directory(directory):
                found |= {
                    entry: files.text(f"{directory}/{entry}")
                    for entry in files.children(directory)
                    if entry.endswith(".conf")
                }
    return "".join(f"\n{found[entry]}" for entry in sorted(found))


def _template_of(name: str) -> str:
    if "@" not in name:
        return ""
    stem, _, rest = name.partition("@")
    return f"{stem}@.{rest.rpartition('.')[2]}"


def _parse(text: str, name: str) -> Entries:
    specifiers = _specifiers(name)
    entries: list[tuple[str, str, str]] = []
    section = ""
    for raw in text.replace("\\\n", " ").splitlines():
        line = raw.strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif line and line[0] not in "#;" and "=" in line:
            key, _, value = line.partition("=")
            entries.append((section, key.strip(), _expand(value.strip(), specifiers)))
    return tuple(entries)


def _specifiers(name: str) -> dict[str, str]:
    stem = name.rpartition(".")[0]
    prefix, _, instance = stem.partition("@")
    return {
        "%i": instance,
        "%I": instance,
        "%n": name,
        "%N": stem,
        "%p": prefix,
        "%t": "/run",
        "%S": "/var/lib",
        "%%": "%",
    }


def _expand(value: str, specifiers: dict[str, str]) -> str:
    return SPECIFIER.sub(lambda found: specifiers.get(found[0], found[0]), value)
