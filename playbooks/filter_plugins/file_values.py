"""Values for the files that games read: each stays one value on one line."""

import re
from collections.abc import Callable, Mapping
from typing import Final

# Control characters, and what some readers take for the end of a line.
SPECIAL: Final = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]")
BEYOND_ASCII: Final = re.compile(r"[^\x20-\x7e]")


def properties_value(value: str | int) -> str:
    """Return a value for a Java properties file, in ASCII as its old readers want it."""
    text = _said(value).replace("\\", "\\\\")
    text = BEYOND_ASCII.sub(_escaped, text)
    return f"\\{text}" if text.startswith(" ") else text


def ini_value(value: str | int) -> str:
    """Return a value for a line ``name = value`` that knows no quotes; its ends are trimmed.

    Raises ``ValueError`` for what cannot stand on a line.
    """
    text = _said(value)
    if SPECIAL.search(text):
        raise ValueError("this file knows only values of one line, without control characters")
    return text.strip()


def quoted_value(value: str | int) -> str:
    """Return a value in double quotes, within which only they and the backslash are special.

    Raises ``ValueError`` for what cannot stand on a line.
    """
    text = _said(value)
    if SPECIAL.search(text):
        raise ValueError("this file knows only values of one line, without control characters")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _said(value: str | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


class FilterModule:
    """What Ansible asks for the filters of this file."""

    def filters(self) -> Mapping[str, Callable[..., str]]:
        """Name the filters."""
        return {
            "properties_value": properties_value,
            "ini_value": ini_value,
            "quoted_value": quoted_value,
        }
