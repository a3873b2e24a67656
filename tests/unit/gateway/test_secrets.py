"""Secret settings: sealed where the schema marks them, masked when shown, never overlooked."""

from typing import Any

import pytest

from gateway.domain.game import Settings
from gateway.domain.secrets import has_stray_secrets, sealed_settings, shown_settings
from tests.fakes.gateway import BLOCKS

SECRET: dict[str, Any] = {"x-secret": True}


def sealed(schema: dict[str, Any], settings: Settings) -> Settings:
    return sealed_settings(schema, settings, seal=lambda data, at: f"sealed:{at}={data.decode()}")


def test_secret_settings_are_masked_when_shown() -> None:
    settings: Settings = {
        "motd": "m", "password": "geheim", "keys": ["a"], "world": {"seed": 1, "pin": 12},
    }  # fmt: skip

    shown = shown_settings(BLOCKS.settings_schema, settings)

    assert shown == {
        "motd": "m", "password": "[masked]", "keys": ["[masked]"],
        "world": {"seed": 1, "pin": "[masked]"},
    }  # fmt: skip
    kept = sealed(dict(BLOCKS.settings_schema), settings)
    assert shown_settings(BLOCKS.settings_schema, kept) == shown


def test_what_was_sealed_stays_masked_when_the_schema_forgets_that_it_is_secret() -> None:
    kept: Settings = {"gone": "sealed:v1:x", "deep": {"list": ["sealed:v1:y", "z"]}}

    assert shown_settings({}, kept) == {"gone": "[masked]", "deep": {"list": ["[masked]", "z"]}}


@pytest.mark.parametrize("empty", ["", None])
def test_what_is_not_set_is_not_sealed(empty: Any) -> None:
    assert sealed({"properties": {"a": SECRET}}, {"a": empty}) == {"a": empty}


@pytest.mark.parametrize("value", [0, False, 7, [], {"b": "c"}, ["d"]])
def test_a_secret_of_any_type_is_sealed_whole(value: Any) -> None:
    found = sealed({"properties": {"a~/b": SECRET}}, {"a~/b": value})

    assert str(found["a~/b"]).startswith("sealed:/a~0~1b=")


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"properties": {"a": SECRET, "b": {"properties": {"c": SECRET}}, "d": True}},
        {"properties": {"a": {"items": SECRET}}, "$defs": {"line": {"pattern": "x"}}},
        {"properties": {"a": SECRET | {"properties": {"b": SECRET}}}},
        {"properties": {"a": {"x-secret": False}}},
    ],
)
def test_marks_that_are_seen_are_fine(schema: dict[str, Any]) -> None:
    assert not has_stray_secrets(schema)


@pytest.mark.parametrize(
    "schema",
    [
        SECRET,
        {"properties": {"a": {"$ref": "#/$defs/s"}}, "$defs": {"s": SECRET}},
        {"properties": {"a": {"allOf": [SECRET]}}},
        {"patternProperties": {".*": SECRET}},
        {"additionalProperties": SECRET},
        {"properties": {"a": {"prefixItems": [SECRET]}}},
        {"if": {"properties": {"a": SECRET}}},
    ],
)
def test_a_mark_that_would_be_overlooked_is_found(schema: dict[str, Any]) -> None:
    assert has_stray_secrets(schema)
