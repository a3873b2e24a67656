"""Regular expressions that are held against what players write: anchored, and linear in time.

Python's engine tries again what failed. An expression is linear for it, as it is for RE2, when
each repetition knows where it ends: by a sign that it cannot hold itself.
"""

import importlib
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

# The standard library's own reading of an expression; untyped, and the same since Python 3.11.
_parser: Final[Any] = importlib.import_module("re._parser")

MANY: Final = 100  # more repetitions than these count as endless
TRIES: Final = 5_000  # ways to divide a line among repetitions that do end
BEYOND: Final = 128  # stands for every sign that is not ASCII
ALL: Final = frozenset(range(BEYOND + 1))
REPEATS: Final = ("MAX_REPEAT", "MIN_REPEAT")
SINGLE: Final = ("LITERAL", "NOT_LITERAL", "ANY", "IN")
KNOWN: Final = {*SINGLE, *REPEATS, "BRANCH", "SUBPATTERN", "AT"}

Node = tuple[Any, Any]
Signs = frozenset[int]


def flaws(expression: str) -> Iterator[str]:
    """Yield what is wrong with an expression, in words."""
    try:
        nodes: Sequence[Node] = list(_parser.parse(expression))
    except re.error as error:
        yield f"is no regular expression: {error}"
        return
    names = [str(op) for op, _ in nodes] and [str(nodes[0][1]), str(nodes[-1][1])]
    if names != ["AT_BEGINNING", "AT_END"]:
        yield "is not anchored at both ends: begin it with ^, end it with $"
    foreign = {str(op) for op, _ in _all(nodes)} - KNOWN
    if foreign:
        yield f"holds what RE2 does not know: {', '.join(sorted(foreign)).lower()}"
        return
    yield from _slow(nodes)


def _slow(nodes: Sequence[Node]) -> Iterator[str]:
    if any(_is_repeated_group(node) for node in _all(nodes)):
        yield "repeats a group that has choices: write it out, or repeat one class of signs"
        return
    undecided = math.prod(len(node[1][1]) for node in _all(nodes) if str(node[0]) == "BRANCH")
    endless_before = False
    for node, after in _repeats(nodes, frozenset()):
        low, high, inner = node[1]
        is_endless = high > MANY
        if endless_before and is_endless:
            yield "has an endless repetition after one that could hold the same signs"
            return
        if _first(inner)[0] & after:
            endless_before = endless_before or is_endless
            undecided *= 1 if is_endless else high - low + 1
    if undecided > TRIES:
        yield "has too many repetitions that could hold each other's signs: narrow their classes"


def _is_repeated_group(node: Node) -> bool:
    if str(node[0]) not in REPEATS or node[1][1] <= 1:
        return False
    inner = list(node[1][2])
    if len(inner) == 1 and str(inner[0][0]) in SINGLE:
        return False
    return node[1][1] > MANY or any(_has_choices(part) for part in _all(inner))


def _has_choices(node: Node) -> bool:
    op, value = str(node[0]), node[1]
    return op == "BRANCH" or (op in REPEATS and value[0] != value[1])


def _repeats(nodes: Sequence[Node], after: Signs) -> Iterator[tuple[Node, Signs]]:
    """Yield each repetition, in order, with the signs that may follow it."""
    for place, node in enumerate(nodes):
        following, may_end = _first(nodes[place + 1 :])
        beyond = following | after if may_end else following
        if str(node[0]) in REPEATS:
            yield node, beyond
        for part in _parts(node):
            yield from _repeats(part, beyond)


def _all(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        for part in _parts(node):
            yield from _all(part)


def _parts(node: Node) -> list[Sequence[Node]]:
    match str(node[0]):
        case "SUBPATTERN":
            return [list(node[1][3])]
        case "BRANCH":
            return [list(branch) for branch in node[1][1]]
        case "MAX_REPEAT" | "MIN_REPEAT":
            return [list(node[1][2])]
        case _:
            return []


def _first(nodes: Sequence[Node]) -> tuple[Signs, bool]:
    """Return the signs with which a sequence may begin, and whether it may be empty."""
    signs: Signs = frozenset()
    for node in nodes:
        begins, may_be_empty = _first_of(node)
        signs |= begins
        if not may_be_empty:
            return signs, False
    return signs, True


def _first_of(node: Node) -> tuple[Signs, bool]:
    op, value = str(node[0]), node[1]
    if op in SINGLE:
        return _signs(op, value), False
    if op == "AT":
        return frozenset(), True
    firsts = [_first(part) for part in _parts(node)]
    signs: Signs = frozenset[int]().union(*(first for first, _ in firsts))
    is_optional = op in REPEATS and value[0] == 0
    return signs, is_optional or any(empty for _, empty in firsts)


def _signs(op: str, value: Any) -> Signs:  # noqa: ANN401  the parser's
    match op:
        case "LITERAL":
            return frozenset({min(value, BEYOND)})
        case "NOT_LITERAL":
            return ALL - {value} if value < BEYOND else ALL
        case "RANGE":
            return frozenset(range(min(value[0], BEYOND), min(value[1], BEYOND) + 1))
        case "CATEGORY":
            sign = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}[str(value).rpartition("_")[2]]
            held = {code for code in range(BEYOND) if re.match(sign, chr(code))}
            return ALL - held if "NOT" in str(value) else frozenset(held | {BEYOND})
        case "IN":
            is_negated = str(value[0][0]) == "NEGATE"
            held = frozenset[int]().union(*(_signs(str(o), v) for o, v in value[is_negated:]))
            return ALL - (held - {BEYOND}) if is_negated else held
        case _:
            return ALL
