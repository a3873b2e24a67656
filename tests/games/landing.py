"""Where each setting of a game lands: found out by changing it, then held to what was typed.

Nothing here knows a game. What a folder writes is given by whoever renders it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jsonschema import Draft202012Validator

from tests.games.readers import FORMATS, REFUSALS, Read, secrets, unit
from yard_cli.catalogue.folder import GameFolder

UNIT = "unit"  # the file that arguments and the environment stand in
SECRETS = "secrets"  # the one for those arguments that nobody may see
BROKEN = ""  # in the place of a file: what its reader has refused
TEMPLATE = "ansible.builtin.template"
PAYLOADS = (
    "plain", "{{ 7 * 7 }}", "{{ lookup('pipe', 'id') }}", "{% for x in [1] %}", "{# no #}", "}}",
    "{{", "%}", "!unsafe x", "!vault |", "$HOME", "${x}", "$$", "$(id)", "`id`", "; id", "&& id",
    "| id", "> /etc/passwd", "!!", "a'b", 'a"b', "'", '"', "'\"'\"", '"; "', "\\", "a\\", "\\n",
    "\\u000a", "%n", "%%", "%i", "100%", "#", "# no", "a # b", "//c", ";c", "=", "a = b", "a=b=c",
    "[section]", "a: b", "- a", "-password", "--console-log=/x", "?RCONEnabled=False", "*", "~",
    "a,b", '{"a": 1}', "{", '"""', "é 漢 😀", " both ends ", " ", "true", "null", "0x41",
    "<color=red>", "../../etc/passwd", "\N{ZERO WIDTH SPACE}", "\N{RIGHT-TO-LEFT OVERRIDE}abc",
    "a\tb", "a\nb", "a\n", "a\r\nb = c", "\n[Service]\nUser=root", "\0", "\x1b[31m", "a\x85b=c",
    "a\u2028b=c",
)  # fmt: skip
PLAIN = ("abcdefgh", "ijklmnop", "hunter2!hunter2", "hunter3!hunter3", "1", "2")

FREE = ("blocks", "ini")  # formats that do not tell spaces at the ends of a value

SERVICE = {UNIT: unit, SECRETS: secrets}

Case = dict[str, Any]
Texts = Mapping[str, str]  # by the templates' names, and that of the unit
Known = Mapping[str, Read]
Place = tuple[str, str]


@dataclass(frozen=True)
class Landing:
    """A game's settings, the cases to write them in, and the judgement of what was written."""

    game: GameFolder
    paths: Mapping[str, str]  # of the files, by their templates
    formats: Mapping[str, str]  # by path

    @cached_property
    def usual(self) -> Case:
        """A valid value for each setting: defaults, and something in every text."""
        given = {n: of.get("default", of.get("const")) for n, of in self.game.properties.items()}
        given |= self.game.lines.get("required", {})
        empty = [name for name, value in given.items() if value == ""]
        given |= {name: self._plain(name)[0] for name in empty}
        assert _fits(self.game.settings, given)
        return given

    @cached_property
    def others(self) -> Sequence[tuple[str, Any]]:
        """Every setting that lands in the guest, with other values than the usual one."""
        return [
            (name, value)
            for name, of in self.game.properties.items()
            if of["x-target"] != "source" and "const" not in of
            for value in self._values(name, of)
            if value != self.usual[name]
        ]

    @cached_property
    def hostile(self) -> Sequence[Case]:
        """Each payload in each text that takes it, in each case another in every text."""
        texts = [name for name, of in self.game.properties.items() if of.get("type") == "string"]
        turned = [PAYLOADS[turn:] + PAYLOADS[:turn] for turn in range(len(PAYLOADS))]
        return [
            {n: text for n, text in zip(texts, row, strict=False) if self._takes(n, text)}
            for row in turned
        ]

    @property
    def cases(self) -> Sequence[Case]:
        """The usual one, then each other value alone, then the payloads."""
        changes = [{name: value} for name, value in self.others]
        return [self.usual, *(self.usual | change for change in (*changes, *self.hostile))]

    def wrongs(self, written: Sequence[Texts]) -> Iterator[str]:
        """Yield what of the cases did not land as it was typed."""
        usual, *read = [self._known(texts) for texts in written]
        yield from (unreadable for one in (usual, *read) for unreadable in one.get(BROKEN, ()))
        alone, hostile = read[: len(self.others)], read[len(self.others) :]
        homes: dict[str, set[Place]] = {name: set() for name in self.game.properties}
        for (name, value), files in zip(self.others, alone, strict=True):
            places = set(_differing(usual, files))
            homes[name] |= places
            yield from self._misplaced(name, places)
            yield from self._another(name, value, [_at(files, place) for place in places])
        yield from self._alike(alone)
        for typed, files in zip(self.hostile, hostile, strict=True):
            yield from self._strayed(typed, usual, files, homes)

    def _misplaced(self, name: str, places: set[Place]) -> Iterator[str]:
        of = self.game.properties[name]
        found = {self.paths.get(file, file) for file, _ in places}
        if found != {of.get("x-file", SECRETS if of.get("x-secret") else UNIT)}:
            yield f"{name} lands in {found or 'no file'}"

    def _another(self, name: str, value: Any, found: Sequence[str]) -> Iterator[str]:
        """A text, a list's items and a number are there as such; words of ours may be others."""
        of = self.game.properties[name]
        items = value if isinstance(value, list) else [value]
        if of.get("type") not in {"boolean", None}:
            for item in items:
                if not any(str(item) in one for one in found):
                    yield f"{name} = {value!r} became {found}"

    def _alike(self, alone: Sequence[Known]) -> Iterator[str]:
        """Two values of one setting are never written alike."""
        seen: dict[str, Any] = {}
        for (name, value), files in zip(self.others, alone, strict=True):
            written = json.dumps([name, files], sort_keys=True)
            if written in seen:
                yield f"{name}: {seen[written]!r} and {value!r} are written alike"
            seen[written] = value

    def _strayed(
        self, typed: Case, usual: Known, files: Known, homes: Mapping[str, set[Place]]
    ) -> Iterator[str]:
        """What was typed stands where it belongs, whole, and nothing else is other than usual."""
        theirs = {place for name in typed for place in homes[name]}
        for place in set(_differing(usual, files)) - theirs:
            yield f"{typed} changed {place}"
        for name, text in typed.items():
            for place in homes[name]:
                wanted = _at(usual, place).replace(self.usual[name], text)
                found = _at(files, place)
                is_free = self.formats.get(self.paths.get(place[0], "")) in FREE
                if found != wanted and not (is_free and found.strip() == wanted.strip()):
                    yield f"{name} = {text!r} became {found!r}"

    def _known(self, texts: Texts) -> Known:
        known: dict[str, Read] = {}
        for name, text in texts.items():
            form = self.formats.get(self.paths.get(name, ""), "")
            try:
                known[name] = SERVICE.get(name, FORMATS.get(form, _formless))(text)
            except REFUSALS as refusal:
                known[name] = {}
                known[BROKEN] = {f"{name} is no {form}: {refusal!s:.120}": ""}
        return known

    def _takes(self, name: str, value: Any) -> bool:
        return _fits(self.game.settings, self.usual | {name: value})

    def _plain(self, name: str) -> list[str]:
        alone = {**self.game.settings, "required": [], "allOf": []}
        return [text for text in PLAIN if _fits(alone, {name: text})]

    def _values(self, name: str, of: Mapping[str, Any]) -> Sequence[Any]:
        if "enum" in of:
            return of["enum"]
        match of["type"]:
            case "boolean":
                return [True, False]
            case "integer" | "number":
                return sorted({of["minimum"], of["maximum"], of["default"]})
            case "array":
                texts = [text for text in PLAIN if self._takes(name, [text])]
                return [texts[:1], texts[:2]]
            case _:
                return self._plain(name)


def landing(game: GameFolder) -> Landing:
    """Read off the tasks which template is written to which file."""
    tasks = [task for tasks in game.tasks.values() for task in tasks]
    written = [task[TEMPLATE] for task in tasks if TEMPLATE in task]
    paths = {one["src"]: one["dest"] for one in written}
    return Landing(game=game, paths=paths, formats=game.manifest.get("files", {}))


def _formless(text: str) -> Read:
    raise ValueError("not told in the manifest")


def _fits(schema: Any, settings: Case) -> bool:
    return Draft202012Validator(schema).is_valid(settings)


def _differing(one: Known, other: Known) -> Iterator[Place]:
    for file in one.keys() & other.keys() - {BROKEN}:
        for name in one[file].keys() | other[file].keys():
            if one[file].get(name) != other[file].get(name):
                yield file, name


def _at(files: Known, place: Place) -> str:
    return files[place[0]].get(place[1], "")
