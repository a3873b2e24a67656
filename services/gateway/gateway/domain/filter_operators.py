"""What a filter can ask of a value found in an event: one operator, one question, one operand."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeGuard

from pydantic import JsonValue


class Nothing(Enum):
    """What is found where a name leads nowhere."""

    NOTHING = "nothing"


Found = JsonValue | Nothing
Question = Callable[[Found, JsonValue], bool]


@dataclass(frozen=True, slots=True)
class Operand:
    """What may stand behind an operator, and how that is said."""

    fits: Callable[[JsonValue], bool]
    words: str


@dataclass(frozen=True, slots=True)
class Operator:
    """``holds(found, wanted)``: never raises once ``wanted`` fits the operand."""

    holds: Question
    operand: Operand


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _is_choice(value: JsonValue) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_plain(one) for one in value)


def _same(found: Found, wanted: JsonValue) -> bool:
    """Compare as JSON does: 1 is 1.0, and is not true."""
    return found == wanted and isinstance(found, bool) is isinstance(wanted, bool)


def _ordered(compare: Callable[[Any, Any], bool]) -> Question:
    """Compare numbers with numbers and texts with texts; anything else does not hold."""

    def compared(found: Found, wanted: JsonValue) -> bool:
        texts = _is_text(found) and _is_text(wanted)
        numbers = _is_number(found) and _is_number(wanted)
        return (texts or numbers) and compare(found, wanted)

    return compared


def _among(found: Found, wanted: JsonValue) -> bool:
    return isinstance(wanted, list) and any(_same(found, one) for one in wanted)


def _starts(found: Found, wanted: JsonValue) -> bool:
    return _is_text(found) and _is_text(wanted) and found.startswith(wanted)


def _ends(found: Found, wanted: JsonValue) -> bool:
    return _is_text(found) and _is_text(wanted) and found.endswith(wanted)


_PLAIN: Final = Operand(_is_plain, "must be a text, a number, true, false or null")
_TEXT: Final = Operand(_is_text, "must be a text")
_CHOICE: Final = Operand(_is_choice, "must be a list of texts, numbers, true, false or null")
_TRUTH: Final = Operand(lambda value: isinstance(value, bool), "must be true or false")
_ORDERED: Final = Operand(
    lambda value: _is_text(value) or _is_number(value), "must be a number or a text"
)

OPERATORS: Final[Mapping[str, Operator]] = {
    "$eq": Operator(_same, _PLAIN),
    "$ne": Operator(lambda found, wanted: not _same(found, wanted), _PLAIN),
    "$gt": Operator(_ordered(operator.gt), _ORDERED),
    "$gte": Operator(_ordered(operator.ge), _ORDERED),
    "$lt": Operator(_ordered(operator.lt), _ORDERED),
    "$lte": Operator(_ordered(operator.le), _ORDERED),
    "$in": Operator(_among, _CHOICE),
    "$startsWith": Operator(_starts, _TEXT),
    "$endsWith": Operator(_ends, _TEXT),
    "$exist": Operator(lambda found, wanted: (found is not Nothing.NOTHING) is wanted, _TRUTH),
}
