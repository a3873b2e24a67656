"""The configuration files of game servers, read into names and texts."""

import shlex
from collections.abc import Callable, Mapping

Settings = dict[str, str]


def assignments(text: str) -> Settings:
    """``name = value`` lines: Luanti's conf, Java properties."""
    settings: Settings = {}
    for raw in text.splitlines():
        line = raw.strip()
        if line and not line.startswith(("#", "!")) and "=" in line:
            name, _, value = line.partition("=")
            settings[name.strip()] = value.strip()
    return settings


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


SYNTAXES: Mapping[str, Callable[[str], Settings]] = {"assignments": assignments, "words": words}


def number(settings: Mapping[str, str], name: str, default: int) -> int:
    """A whole number out of the settings; nonsense is the default."""
    value = settings.get(name, "")
    return int(value) if value.isdigit() else default
