"""Which events somebody wants: conditions on an event's JSON, checked once and then cheap to ask.

    {"data.operation.kind": "deploy"}                      equal
    {"data.server.labels.env": {"$in": ["prod", "qa"]}}    one operator
    {"data.players": {"$gte": 1, "$lt": 10}}               several: all must hold
    {"$or": [{…}, {…}]}, {"$and": […]}, {"$not": {…}}

Conditions side by side must all hold; no condition at all holds for every event. A name with dots
leads into the event (a key that has dots of its own is found too). Where it leads nowhere,
``$exist: false`` and ``$ne`` hold, and nothing else does. No expression is ever evaluated, and no
pattern: operators alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pydantic import JsonValue

from common.contracts.sealed import below
from gateway.domain.errors import Fault
from gateway.domain.filter_operators import OPERATORS, Found, Nothing

MAX_DEPTH: Final = 8  # groups within groups
MAX_VALUES: Final = 64  # that an event is compared with
MAX_NAME: Final = 200  # characters
GROUPS: Final = ("$and", "$or", "$not")

Filter = Mapping[str, JsonValue]


class FilterRefused(Exception):
    """A filter that means nothing, or too much: where (a JSON pointer into it), and why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.pointer = fault.pointer
        self.detail = fault.detail


def check(filter: Filter) -> None:
    """Raise ``FilterRefused`` with the first of the ``faults``, if there is one."""
    for fault in faults(filter):
        raise FilterRefused(fault)


def faults(filter: Filter) -> Sequence[Fault]:
    """Return all that keeps a filter from being asked; the pointers lead into it."""
    found = tuple(_faults(filter, "", 0))
    if not found and _values(dict(filter)) > MAX_VALUES:
        return (Fault("", f"compares with more than {MAX_VALUES} values"),)
    return found


def holds(filter: Filter, event: Filter) -> bool:
    """Tell whether an event is wanted; both are JSON. Never raises once the filter is checked."""
    return all(_holds(name, condition, event) for name, condition in filter.items())


def _holds(name: str, condition: JsonValue, event: Filter) -> bool:
    match name:
        case "$and":
            return all(holds(part, event) for part in _parts(condition))
        case "$or":
            return any(holds(part, event) for part in _parts(condition))
        case "$not":
            return not all(holds(part, event) for part in _parts(condition))
        case _:
            found = _found(event, name)
            asked = condition if isinstance(condition, dict) else {"$eq": condition}
            return all(OPERATORS[one].holds(found, wanted) for one, wanted in asked.items())


def _parts(condition: JsonValue) -> Sequence[Filter]:
    """Return the filters in a group: those of a list, or the one that stands alone."""
    parts = condition if isinstance(condition, list) else [condition]
    return [part for part in parts if isinstance(part, dict)]


def _found(value: JsonValue | Filter, name: str) -> Found:
    """Follow a dotted name; a key that is the whole rest of it comes first."""
    if not isinstance(value, Mapping):
        return Nothing.NOTHING
    if name in value:
        return value[name]
    head, dot, rest = name.partition(".")
    return _found(value[head], rest) if dot and head in value else Nothing.NOTHING


def _faults(filter: Filter, pointer: str, depth: int) -> Iterator[Fault]:
    if depth > MAX_DEPTH:
        yield Fault(pointer, f"is nested more than {MAX_DEPTH} deep")
        return
    for name, condition in filter.items():
        if len(name) > MAX_NAME:
            yield Fault(pointer, f"has a name of more than {MAX_NAME} characters")
        elif name in GROUPS:
            yield from _faults_of_group(name, condition, below(pointer, name), depth)
        elif name.startswith("$"):
            yield Fault(below(pointer, name), f"is no group; there are {', '.join(GROUPS)}")
        else:
            yield from _faults_of_condition(condition, below(pointer, name))


def _faults_of_group(name: str, condition: JsonValue, pointer: str, depth: int) -> Iterator[Fault]:
    if name == "$not":
        yield from _faults_of_part(condition, pointer, depth)
    elif not isinstance(condition, list) or not condition:
        yield Fault(pointer, "must be a list of filters")
    else:
        for index, part in enumerate(condition):
            yield from _faults_of_part(part, below(pointer, index), depth)


def _faults_of_part(part: JsonValue, pointer: str, depth: int) -> Iterator[Fault]:
    if not isinstance(part, dict) or not part:
        yield Fault(pointer, "must be a filter: an object of conditions")
    else:
        yield from _faults(part, pointer, depth + 1)


def _faults_of_condition(condition: JsonValue, pointer: str) -> Iterator[Fault]:
    asked = condition if isinstance(condition, dict) else {"$eq": condition}
    if not asked:
        yield Fault(pointer, "holds no operator")
    for name, wanted in asked.items():
        place = below(pointer, name) if asked is condition else pointer
        known = OPERATORS.get(name)
        if known is None:
            yield Fault(place, f"is none of {', '.join(OPERATORS)}")
        elif not known.operand.fits(wanted):
            yield Fault(place, known.operand.words)


def _values(value: JsonValue) -> int:
    """Count the plain values in what has been checked, which is never deep."""
    match value:
        case dict():
            return sum(map(_values, value.values()))
        case list():
            return sum(map(_values, value))
        case _:
            return 1
