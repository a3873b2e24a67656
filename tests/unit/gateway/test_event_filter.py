"""Filters of events: what holds, what is refused and where, and that nothing ever raises."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.event_filter import (
    MAX_DEPTH,
    MAX_NAME,
    MAX_VALUES,
    FilterRefused,
    check,
    faults,
    holds,
)
from gateway.domain.filter_operators import OPERATORS

EVENT: dict[str, Any] = {
    "type": "server.players_changed",
    "data": {
        "server": {"name": "alpha", "labels": {"env": "prod", "example.org/team": "a", "x": ""}},
        "players": 3,
        "load": 0.5,
        "full": False,
        "error": None,
        "ports": [{"name": "game"}],
        "one": 1,
    },
}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({}, True),
        ({"type": "server.players_changed"}, True),
        ({"type": "server.ready"}, False),
        ({"data.players": 3}, True),
        ({"data.players": 3.0}, True),
        ({"data.players": "3"}, False),
        ({"data.one": True}, False),
        ({"data.one": {"$in": [True, "1"]}}, False),
        ({"data.full": 0}, False),
        ({"data.full": False}, True),
        ({"data.error": None}, True),
        ({"data.nothing": None}, False),
        ({"data.players": {"$gte": 3, "$lt": 4}}, True),
        ({"data.players": {"$gt": 3}}, False),
        ({"data.load": {"$lte": 0.5}}, True),
        ({"data.server.name": {"$gt": "al", "$lt": "b"}}, True),
        ({"data.server.name": {"$gt": 1}}, False),
        ({"data.full": {"$gte": 0}}, False),
        ({"data.error": {"$gte": 0}}, False),
        ({"data.server.labels.env": {"$in": ["prod", "qa"]}}, True),
        ({"data.server.labels.env": {"$in": ["qa"]}}, False),
        ({"data.server.labels.env": {"$ne": "qa"}}, True),
        ({"data.server.labels.none": {"$ne": "qa"}}, True),
        ({"data.server.labels.none": {"$exist": False}}, True),
        ({"data.server.labels.none": {"$in": [None]}}, False),
        ({"data.server.labels.none": {"$startsWith": ""}}, False),
        ({"data.server.labels.x": {"$exist": True}}, True),
        ({"data.error": {"$exist": True}}, True),
        ({"data.server.labels.example.org/team": "a"}, True),
        ({"type": {"$startsWith": "server."}}, True),
        ({"type": {"$endsWith": ".ready"}}, False),
        ({"data.players": {"$startsWith": "3"}}, False),
        ({"data.ports.name": "game"}, False),
        ({"data": "x"}, False),
        ({"data..players": 3}, False),
        ({"data.players": 3, "data.full": True}, False),
        ({"$or": [{"data.players": 9}, {"data.full": False}]}, True),
        ({"$or": [{"data.players": 9}, {"data.full": True}]}, False),
        ({"$and": [{"data.players": 3}, {"data.full": False}]}, True),
        ({"$and": [{"data.players": 3}, {"data.full": True}]}, False),
        ({"$not": {"data.players": 3}}, False),
        ({"$not": {"data.players": 9, "data.full": False}}, True),
    ],
)
def test_an_event_is_wanted_when_all_conditions_hold(condition, expected):
    check(condition)

    assert holds(condition, EVENT) is expected


@pytest.mark.parametrize(
    ("condition", "pointer", "detail"),
    [
        ({"type": {"$regex": ".*"}}, "/type/$regex", "$startsWith"),
        ({"type": {"$where": "1"}}, "/type/$where", "is none of"),
        ({"type": {"name": "x"}}, "/type/name", "is none of"),
        ({"type": {"$in": "x"}}, "/type/$in", "list"),
        ({"type": {"$in": []}}, "/type/$in", "list"),
        ({"type": {"$in": ["x", {}]}}, "/type/$in", "list"),
        ({"type": {"$startsWith": 1}}, "/type/$startsWith", "text"),
        ({"type": {"$endsWith": None}}, "/type/$endsWith", "text"),
        ({"type": {"$exist": 1}}, "/type/$exist", "true or false"),
        ({"type": {"$gt": True}}, "/type/$gt", "number or a text"),
        ({"type": {"$lte": None}}, "/type/$lte", "number or a text"),
        ({"type": {"$eq": ["x"]}}, "/type/$eq", "must be a text"),
        ({"type": ["x"]}, "/type", "must be a text"),
        ({"type": {}}, "/type", "no operator"),
        ({"a/b~c": {"$x": 1}}, "/a~1b~0c/$x", "is none of"),
        ({"$nor": []}, "/$nor", "$and, $or, $not"),
        ({"$eq": 1}, "/$eq", "is no group"),
        ({"$and": []}, "/$and", "list"),
        ({"$or": {"type": "x"}}, "/$or", "list"),
        ({"$or": [{"type": "x"}, "y"]}, "/$or/1", "object"),
        ({"$or": [{"type": "x"}, {}]}, "/$or/1", "object"),
        ({"$not": [{"type": "x"}]}, "/$not", "object"),
        ({"$not": {}}, "/$not", "object"),
        ({"$not": {"$or": [{"a": {"$in": 1}}]}}, "/$not/$or/0/a/$in", "list"),
    ],
)
def test_what_means_nothing_is_refused_where_it_stands(condition, pointer, detail):
    (fault,) = faults(condition)
    with pytest.raises(FilterRefused) as refused:
        check(condition)

    assert fault.pointer == pointer
    assert detail in fault.detail
    assert (refused.value.pointer, refused.value.detail) == (fault.pointer, fault.detail)


def test_everything_wrong_is_told_at_once():
    found = faults({"a": {"$x": 1}, "$nor": [], "b": "fine"})

    assert [fault.pointer for fault in found] == ["/a/$x", "/$nor"]


def test_a_filter_is_no_deeper_than_is_allowed():
    def nested(depth: int) -> Any:
        return {"$not": nested(depth - 1)} if depth else {"a": 1}

    check(nested(MAX_DEPTH))
    (fault,) = faults(nested(MAX_DEPTH + 1))

    assert fault.pointer == "/$not" * (MAX_DEPTH + 1)
    assert str(MAX_DEPTH) in fault.detail
    assert faults(nested(400)) == (fault,)


@pytest.mark.parametrize(
    "filter_of",
    [
        lambda count: {f"a{number}": number for number in range(count)},
        lambda count: {"a": {"$in": list(range(count))}},
        lambda count: {"$or": [{"a": number} for number in range(count)]},
        lambda count: {"$not": {"$and": [{"a": {"$gt": 1, "$ne": n}} for n in range(count // 2)]}},
    ],
)
def test_a_filter_compares_with_no_more_values_than_are_allowed(filter_of):
    check(filter_of(MAX_VALUES))

    (fault,) = faults(filter_of(MAX_VALUES + 2))
    assert (fault.pointer, str(MAX_VALUES) in fault.detail) == ("", True)


def test_a_name_is_no_longer_than_is_allowed_and_is_not_repeated():
    check({"a" * MAX_NAME: 1})
    (fault,) = faults({"a" * (MAX_NAME + 1): 1})

    assert fault.pointer == ""
    assert "aaa" not in fault.detail


UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
NAMES = st.sampled_from(["type", "data", "data.a", "data.a.b", "a", "b", "a.b", "c.d.e", ""])
EVENTS = st.dictionaries(
    st.sampled_from(["type", "data", "a", "b", "a.b", "c", "d", "e", ""]),
    st.recursive(
        PLAIN,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcde"), inner)
        ),
        max_leaves=8,
    ),
)
ORDERED = st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
OPERAND = {
    "$in": st.lists(PLAIN, min_size=1, max_size=3),
    "$startsWith": st.text(max_size=3),
    "$endsWith": st.text(max_size=3),
    "$exist": st.booleans(),
    **dict.fromkeys(("$eq", "$ne"), PLAIN),
    **dict.fromkeys(("$gt", "$gte", "$lt", "$lte"), ORDERED),
}
ASKED = st.sampled_from(sorted(OPERATORS)).flatmap(
    lambda name: OPERAND[name].map(lambda operand: {name: operand})
)
FILTERS = st.recursive(
    st.dictionaries(NAMES, PLAIN | ASKED, min_size=1, max_size=3),
    lambda inner: (
        st.fixed_dictionaries({"$not": inner})
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"$and": parts})
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"$or": parts})
    ),
    max_leaves=6,
)
ANYTHING = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["$and", "$or", "$not", "$nor", "a/b", "~", *OPERATORS]) | NAMES,
            inner,
            max_size=3,
        )
    ),
    max_leaves=20,
)


@UNHURRIED
@given(FILTERS, EVENTS)
def test_what_is_checked_never_raises_and_not_is_its_opposite(condition, event):
    check(condition)

    held = holds(condition, event)

    assert held in (True, False)
    assert holds({"$not": condition}, event) is not held


@UNHURRIED
@given(st.lists(FILTERS, min_size=1, max_size=4), EVENTS)
def test_and_is_all_of_them_and_or_is_any(conditions, event):
    held = [holds(condition, event) for condition in conditions]

    assert holds({"$and": conditions}, event) is all(held)
    assert holds({"$or": conditions}, event) is any(held)


@UNHURRIED
@given(NAMES, ORDERED, EVENTS)
def test_operators_that_are_opposites_never_both_hold(name, operand, event):
    for one, other in (("$gt", "$lte"), ("$gte", "$lt"), ("$eq", "$ne"), ("$eq", "$lt")):
        assert not (holds({name: {one: operand}}, event) and holds({name: {other: operand}}, event))
    assert holds({name: {"$exist": True}}, event) is not holds({name: {"$exist": False}}, event)


@UNHURRIED
@given(st.dictionaries(st.text(max_size=5) | st.just("$and"), ANYTHING, max_size=4), EVENTS)
def test_whatever_is_sent_is_refused_at_a_place_it_has_or_can_be_asked(sent, event):
    found = faults(sent)

    for fault in found:
        at(sent, fault.pointer)  # raises if it leads nowhere
    assert found or holds(sent, event) in (True, False)


def at(value: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value
