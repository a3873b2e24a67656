"""The public events are a promise: well formed for anybody's tools, never broken silently."""

import copy
import json
import warnings
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from common.contracts import public_events as public
from gateway.api.asyncapi import document
from tools.schema_breaks import breaks

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # two of its fields are called as methods of pydantic's
    from asyncapi3.models.asyncapi import AsyncAPI3


def test_the_document_is_asyncapi_3() -> None:
    found = AsyncAPI3.model_validate(document())

    assert found.components
    assert found.components.messages
    assert len(found.components.messages) == len(public.CATALOGUE)


@pytest.mark.parametrize("place", [("channels", "stream"), ("operations", "tell-webhook"), ()])
def test_what_is_no_asyncapi_would_be_noticed(place: tuple[str, ...]) -> None:
    broken: Any = copy.deepcopy(document())
    at = broken
    for name in place:
        at = at[name]
    at["adress"] = "a slip of the pen"

    with pytest.raises(ValidationError):
        AsyncAPI3.model_validate(broken)


def references(value: Any) -> Iterator[str]:
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict | list):
            yield from references(item)
    if isinstance(value, dict) and isinstance(value.get("$ref"), str):
        yield value["$ref"]


def test_every_reference_leads_somewhere() -> None:
    whole: Any = document()
    seen = set(references(whole))
    for reference in seen:
        at = whole
        for name in reference.removeprefix("#/").split("/"):
            at = at[name]

    assert len(seen) > len(public.CATALOGUE)


@pytest.mark.parametrize("type", public.CATALOGUE)
def test_each_schema_is_one_and_names_its_type(type: str) -> None:
    schema: Any = public.schema(type)
    jsonschema.Draft202012Validator.check_schema(schema)

    assert schema["properties"]["type"]["const"] == type
    assert public.version(type) == "v1"
    # Additions are promised to be free.
    assert '"additionalProperties": false' not in json.dumps(schema)


OLD = {
    "type": "object",
    "required": ["a"],
    "properties": {
        "a": {"$ref": "#/$defs/A"},
        "b": {"anyOf": [{"type": "null"}]},
        "n": {"type": "integer", "minimum": 1},
    },
    "$defs": {"A": {"type": "object", "properties": {"x": {"type": "string"}}}},
}


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("properties", "c"), {"type": "string"}, []),
        (("description",), "other words", []),
        (("required",), ["a", "b"], []),
        (("required",), [], ["/a: is not always there any more"]),
        (("$defs", "A", "properties"), {}, ["/a/x: is gone"]),
        (("$defs", "A", "properties", "x", "type"), "integer", ["/a/x: type"]),
        (("properties", "n", "minimum"), 0, ["/n: minimum"]),
        (("properties", "b"), {"type": "null"}, ["/b: type", "/b/anyOf: differs"]),
        (("properties", "b", "anyOf"), [{"type": "string"}], ["/b/anyOf/0: type"]),
    ],
)
def test_additions_are_free_and_all_else_is_named(place: Any, value: Any, told: list[str]) -> None:
    new: Any = copy.deepcopy(OLD)
    at = new
    for name in place[:-1]:
        at = at[name]
    at[place[-1]] = value

    assert list(breaks(OLD, new)) == told


def test_what_a_closed_schema_forbids_cannot_be_added() -> None:
    closed: Any = {"type": "object", "properties": {"a": {}}, "additionalProperties": False}
    new: Any = {**closed, "properties": {"a": {}, "c": {}}}

    assert list(breaks(closed, new)) == ["/c: was forbidden"]
