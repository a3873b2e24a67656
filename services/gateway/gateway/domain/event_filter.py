"""Which events somebody wants: conditions on an event's JSON, checked once and then cheap to ask.

    {"data.operation.kind": "deploy"}                      equal
    {"data.server.labels.env": {"$in": ["prod", "qa"]}}    one operator
    {"data.players": {"$gte": 1, "$lt": 10}}               several: all must hold
    {"$or": [{…}, {…}]}, {"$and": […]}, {"$not": {…}}

Conditions side by side must all hold. A name with dots leads into the event; nothing is there: only
``$exist: false`` and ``$ne`` hold. No expression is ever evaluated, and no pattern: operators alone.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pydantic import JsonValue

MAX_DEPTH: Final = 8
MAX_CONDITIONS: Final = 64
MISSING: Final = object()

Filter = Mapping[str, JsonValue]


class FilterRefused(Exception):
    """Where in the filter (a JSON pointer), and what is wrong there."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer = pointer
        self.detail = detail


def _ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Compare numbers with numbers and texts with texts; anything else does not hold."""

    def compared(found: Any, wanted: Any) -> bool:
        numbers = _is_number(found) and _is_number(wanted)
        texts = isinstance(found, str) and isinstance(wanted, str)
        return (numbers or texts) and holds(found, wanted)

    return compared


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(found: Any, wanted: Any) -> bool:
    return (
        type(found) is type(wanted)
        and found == wanted
        or (_is_number(found) and _is_number(wanted) and found == wanted)
    )


OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "$eq": _same,
    "$ne": lambda found, wanted: not _same(found, wanted),
    "$gt": _ordered(lambda found, wanted: found > wanted),
    "$gte": _ordered(lambda found, wanted: found >= wanted),
    "$lt": _ordered(lambda found, wanted: found < wanted),
    "$lte": _ordered(lambda found, wanted: found <= wanted),
    "$in": lambda found, wanted: any(_same(found, one) for one in wanted),
    "$startsWith": lambda found, wanted: isinstance(found, str) and found.startswith(wanted),
    "$endsWith": lambda found, wanted: isinstance(found, str) and found.endswith(wanted),
    "$exist": lambda found, wanted: (found is not MISSING) is wanted,
}
# What must stand behind an operator, and how that is said.
_OPERAND: Final[Mapping[str, tuple[type | tuple[type, ...], str]]] = {
    "$in": (list, "must be a list"),
    "$startsWith": (str, "must be a text"),
    "$endsWith": (str, "must be a text"),
    "$exist": (bool, "must be true or false"),
    "$gt": ((int, float, str), "must be a number or a text"),
    "$gte": ((int, float, str), "must be a number or a text"),
    "$lt": ((int, float, str), "must be a number or a text"),
    "$lte": ((int, float, str), "must be a number or a text"),
}
GROUPS: Final = ("$and", "$or", "$not")


def check(filter: Filter) -> None:
    """Raise ``FilterRefused`` for a filter that means nothing."""
    if sum(1 for _ in _checked(filter, "", 0)) > MAX_CONDITIONS:
        raise FilterRefused("", f"has more than {MAX_CONDITIONS} conditions")


def _checked(filter: object, pointer: str, depth: int) -> Iterator[None]:
    if not isinstance(filter, Mapping):
        raise FilterRefused(pointer, "must be an object")
    if depth > MAX_DEPTH:
        raise FilterRefused(pointer, f"is nested more than {MAX_DEPTH} deep")
    for name, condition in filter.items():
        place = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        if name in ("$and", "$or"):
            if not isinstance(condition, list) or not condition:
                raise FilterRefused(place, "must be a list of conditions")
            for index, one in enumerate(condition):
                yield from _checked(one, f"{place}/{index}", depth + 1)
        elif name == "$not":
            yield from _checked(condition, place, depth + 1)
        elif name.startswith("$"):
            raise FilterRefused(place, "is no group; there are $and, $or and $not")
        else:
            yield from _checked_condition(condition, place)


def _checked_condition(condition: object, pointer: str) -> Iterator[None]:
    yield None
    if not isinstance(condition, Mapping):
        return
    for operator, wanted in condition.items():
        if operator not in OPERATORS:
            raise FilterRefused(f"{pointer}/{operator}", f"is none of {', '.join(OPERATORS)}")
        kind, lack = _OPERAND.get(operator, (object, ""))
        if not isinstance(wanted, kind) or (
            kind is not bool and kind is not object and isinstance(wanted, bool)
        ):
            raise FilterRefused(f"{pointer}/{operator}", lack)


def holds(filter: Filter, event: Mapping[str, Any]) -> bool:
    """Tell whether an event is wanted. The filter has been checked."""
    return all(_holds(name, condition, event) for name, condition in filter.items())


def _holds(name: str, condition: Any, event: Mapping[str, Any]) -> bool:
    match name:
        case "$and":
            return all(holds(one, event) for one in condition)
        case "$or":
            return any(holds(one, event) for one in condition)
        case "$not":
            return not holds(condition, event)
        case _:
            found = _found(event, name)
            wanted = condition if isinstance(condition, Mapping) else {"$eq": condition}
            return all(OPERATORS[operator](found, value) for operator, value in wanted.items())


def _found(event: Mapping[str, Any], name: str) -> Any:
    """Follow a dotted name into the event."""
    found: Any = event
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return MISSING
        found = found[part]
    return found
