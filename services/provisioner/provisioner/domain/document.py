"""Finding one's way in a vendor's answer: pointers, entries that match, names and where they go.

The language of a manifest's ``source`` of kind ``http``. Answers may hold anything.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from pydantic import JsonValue

from provisioner.domain.errors import StepFailed

NAME: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
FIRST: Final = "*"
LONGEST: Final = 2_048  # characters of a value that is taken

Names = Mapping[str, str]


class NothingThere(LookupError):
    """The answer has nothing at that place."""


def pointed(document: JsonValue, pointer: str) -> JsonValue:
    """Return what a JSON pointer points at; the part ``*`` is the first member, or element."""
    found = document
    for part in pointer.split("/")[1:]:
        found = _member(found, part.replace("~1", "/").replace("~0", "~"))
    return found


def _member(value: JsonValue, part: str) -> JsonValue:
    members: Sequence[JsonValue] = ()
    match value:
        case dict():
            if part in value:
                return value[part]
            members = list(value.values())
        case list():
            if part.isdecimal() and int(part) < len(value):
                return value[int(part)]
            members = value
        case _:
            pass
    if part != FIRST or not members:
        raise NothingThere(part)
    return members[0]


def chosen(document: JsonValue, each: Mapping[str, Any], names: Names) -> JsonValue:
    """Return the first entry of a list that is as ``where`` and ``like`` say.

    Raises ``NothingThere`` if none is.
    """
    entries = pointed(document, each["in"])
    wanted: Mapping[str, JsonValue] = each.get("where", {})
    like = re.compile(filled(each.get("like", ""), names, put=re.escape))
    for entry in entries if isinstance(entries, list) else ():
        if _is(entry, wanted, names) and like.search(entry if isinstance(entry, str) else ""):
            return entry
    raise NothingThere(each["in"])


def _is(entry: JsonValue, wanted: Mapping[str, JsonValue], names: Names) -> bool:
    for pointer, value in wanted.items():
        expected = filled(value, names) if isinstance(value, str) else value
        try:
            if pointed(entry, pointer) != expected:
                return False
        except NothingThere:
            return False
    return True


def text_of(value: JsonValue) -> str:
    """Return a value that can stand in a text. Raises ``NothingThere`` for all others."""
    if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > LONGEST:
        raise NothingThere("a text")
    return str(value)


def filled(text: str, names: Names, *, put: Callable[[str], str] = str) -> str:
    """Return the text with every ``{name}`` replaced; ``put`` makes a value fit in there.

    Raises ``StepFailed`` for a name that nobody has taken.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in names:
            raise StepFailed(
                f"the game's manifest speaks of {{{found[1]}}}, which no answer has told",
                remedy="Correct the game's `source`: a step has to take or match that name.",
            )
        return put(names[found[1]])

    return NAME.sub(value, text)


def address(text: str, names: Names) -> str:
    """Return a web address; a value within one cannot lead to another place of it."""
    whole = NAME.fullmatch(text)
    return filled(text, names) if whole else filled(text, names, put=lambda it: quote(it, safe=""))
