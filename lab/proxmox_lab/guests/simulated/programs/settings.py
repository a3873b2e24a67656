"""The configuration files of game servers, read into names and texts."""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from typing import cast

Settings = dict[str, str]
BLOCK_MARK = '"""'
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}


def blocks(text: str) -> Settings:
    """Luanti's ``name = value`` lines; three quotes open a text of several lines."""
    settings: Settings = {}
    lines = iter(text.splitlines())
    for raw in lines:
        name, found, value = (part.strip() for part in raw.partition("="))
        if not found or name.startswith("#"):
            continue
        if value == BLOCK_MARK:
            value = "\n".join(iter(lambda: next(lines, BLOCK_MARK), BLOCK_MARK))
        settings[name] = value
    return settings


def properties(text: str) -> Settings:
    """Java's properties: ``name=value`` with backslash escapes."""
    settings: Settings = {}
    for raw in text.splitlines():
        line = raw.lstrip()
        if line and not line.startswith(("#", "!")) and "=" in line:
            name, _, value = line.partition("=")
            settings[name.strip()] = ESCAPE.sub(_unescaped, value.lstrip())
    return settings


def _unescaped(escape: re.Match[str]) -> str:
    text = escape[1]
    return chr(int(text[1:], 16)) if len(text) > 1 else CONTROLS.get(text, text)


def words(text: str) -> Settings:
    """``name value`` lines: an unquoted value ends at the first space, as the console reads it."""
    settings: Settings = {}
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        lexer = shlex.shlex(line, posix=True)
        lexer.whitespace_split, lexer.commenters, lexer.quotes = True, "#", '"'
        try:
            parts = list(lexer)
        except ValueError:
            parts = line.split()
        if len(parts) > 1:
            settings[parts[0]] = parts[1]
    return settings


def plain(text: str) -> Settings:
    """``name=value`` lines taken as they are; sections are passed over."""
    lines = (line.partition("=") for line in text.splitlines() if line[:1] not in ("#", ";", "["))
    return {name.strip(): value for name, found, value in lines if found}


def json_members(text: str) -> Settings:
    """The members of a JSON object, those that are texts, numbers or truths."""
    try:
        members: object = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(members, dict):
        return {}
    pairs = cast("dict[str, object]", members).items()
    return {name: str(value) for name, value in pairs if isinstance(value, str | int | float)}


SYNTAXES: Mapping[str, Callable[[str], Settings]] = {
    "blocks": blocks,
    "json": json_members,
    "plain": plain,
    "properties": properties,
    "words": words,
}


def number(settings: Mapping[str, str], name: str, default: int) -> int:
    """A whole number out of the settings; nonsense is the default."""
    value = settings.get(name, "")
    return int(value) if value.isdigit() else default
