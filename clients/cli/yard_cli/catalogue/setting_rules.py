"""What a setting has to be: told, typed, closed, one line, and bound for a place."""

import re
from collections.abc import Iterator
from typing import Any, Final, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from yard_cli.catalogue.complaint import Complaint
from yard_cli.catalogue.folder import SETTINGS, Entry, GameFolder

NAME: Final = re.compile(r"(?!ansible_)[a-z][a-z0-9_]{0,63}")
TARGETS: Final = ("file", "argument", "environment", "source")
RESTARTS: Final = ("none", "restart", "recreate-world")
LINE: Final = r'{"line": {"pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*(?!\\n)$"}}'
LEADING_ELSEWHERE: Final = ("../x", "x/y", "x y", "{x}", "x?y", "x#y", "x%2fy")
MORE_THAN_A_LINE: Final = ("a\nb", "a\n", "\n", "a\rb", "\0", "a\x1bb", "a\x85b", "a\u2028b")


def setting_rules(game: GameFolder) -> Iterator[Complaint]:
    """Hold every setting against the rules."""
    try:
        Draft202012Validator.check_schema(game.settings)
    except SchemaError as error:
        yield _at("", f"is no JSON Schema: {error.message[:200]}", "see json-schema.org")
        return
    broken = list(_broken(game))
    yield from broken
    if broken:
        return
    if game.settings.get("additionalProperties") is not False:
        yield _at("", "takes settings that it does not know", '"additionalProperties": false')
    for name, setting in game.properties.items():
        for wrong, remedy in (*_told(name, setting), *_bound(setting), *_valued(game, name)):
            yield _at(f"/properties/{name}", wrong, remedy)


def _at(field: str, wrong: str, remedy: str) -> Complaint:
    return Complaint(place=f"{SETTINGS}{field}", wrong=wrong, remedy=remedy)


def _broken(game: GameFolder) -> Iterator[Complaint]:
    """Find what would stop whoever validates: references to nothing."""
    known = {f"#/$defs/{name}" for name in game.settings.get("$defs", {})}
    for field, word, value in _words("", game.settings):
        if word == "$ref" and value not in known:
            yield _at(field, f"refers to {value}, which is not there", f'"$defs": {LINE}')


def _words(field: str, schema: Any) -> Iterator[tuple[str, str, Any]]:  # noqa: ANN401  JSON
    """Yield every word of the schema that is no object, with its place."""
    parts = enumerate(cast("list[Any]", schema)) if isinstance(schema, list) else schema.items()
    for name, value in cast("Iterator[tuple[Any, Any]]", parts):
        if isinstance(value, dict | list):
            yield from _words(f"{field}/{name}", value)
        else:
            yield field, str(name), value


def _told(name: str, setting: Entry) -> Iterator[tuple[str, str]]:
    if not NAME.fullmatch(name):
        yield "is not a name for a setting", "small letters, digits and _; not ansible_…"
    if not setting.get("title"):
        yield "has no title", "say in a few words what it is"
    if not setting.keys() & {"type", "enum", "const"}:
        yield "has no type", "give it a type, an enum or a const"
    if setting.get("type") == "string" and "maxLength" not in setting:
        yield "takes a text without end", "give it a maxLength"
    if (
        setting.get("type") in ("integer", "number")
        and not {"minimum", "maximum"} <= setting.keys()
    ):
        yield "takes a number without bounds", "give it a minimum and a maximum"


def _bound(setting: Entry) -> Iterator[tuple[str, str]]:
    target = setting.get("x-target")
    if target not in TARGETS:
        yield "does not say where it goes", f"x-target: {', '.join(TARGETS)}"
    if setting.get("x-restart") not in RESTARTS:
        yield "does not say what a change of it takes", f"x-restart: {', '.join(RESTARTS)}"
    if setting.get("x-restart") == "none" and target != "file":
        yield "lands where only a start reads it", "x-restart: restart"
    if (target == "file") != str(setting.get("x-file", "")).startswith("/"):
        yield "and its x-file do not agree", "x-file: the path, for x-target file alone"


def _valued(game: GameFolder, name: str) -> Iterator[tuple[str, str]]:
    setting = game.properties[name]
    alone: Any = {**game.settings, "required": []}
    validator = Draft202012Validator(alone)

    def takes(value: Any) -> bool:  # noqa: ANN401  JSON
        return validator.is_valid({name: value})  # pyright: ignore[reportUnknownMemberType]  untyped in its stubs

    if ("default" in setting) == (name in game.settings.get("required", ())):
        yield "is neither required nor has a default, or both", "one of the two"
    if "default" in setting and not takes(setting["default"]):
        yield "has a default that its own schema refuses", "correct the one or the other"
    if any(map(takes, MORE_THAN_A_LINE)):
        yield "takes a second line or a control character", 'give it "$ref": "#/$defs/line"'
    if setting.get("x-target") == "source" and any(map(takes, LEADING_ELSEWHERE)):
        remedy = r'give it a pattern, such as "^(latest|[0-9.]{1,20})(?!\n)$"'
        yield "is part of an address, and takes what could lead elsewhere", remedy
