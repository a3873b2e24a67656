"""The settings a game's schema calls secret (``x-secret``): sealed when kept, masked when shown.

``x-secret`` stands at a property or at the items of an array, however deep. A schema that has
it elsewhere (behind a ``$ref``, say) is not used, so that no secret is overlooked.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from pydantic import JsonValue

from common.contracts.sealed import below, is_sealed, mapped, packed
from gateway.domain.game import Settings

MARK: Final = "x-secret"
MASK: Final = "[masked]"

Schema = Mapping[str, Any]
Change = Callable[[JsonValue, str], JsonValue]


def sealed_settings(
    schema: Schema, settings: Settings, *, seal: Callable[[bytes, str], str]
) -> Settings:
    """Return the settings with an envelope in the place of each secret one; a sealed one stays."""

    def sealed(value: JsonValue, at: str) -> JsonValue:
        return value if is_sealed(value) else seal(packed(value), at)

    return _all_changed(schema, settings, sealed, pointer="")


def shown_settings(schema: Schema, settings: Settings) -> Settings:
    """Return the settings with all masked that is secret, or was when it was sealed."""
    shown = _all_changed(schema, settings, lambda _value, _at: MASK, pointer="")
    return {name: mapped(value, lambda _envelope, _at: MASK) for name, value in shown.items()}


def has_stray_secrets(schema: Schema) -> bool:
    """Tell whether the schema calls something secret where it would be overlooked."""
    return _marks(schema) != _marks_in_place(schema)


def _all_changed(schema: Schema, values: Settings, change: Change, *, pointer: str) -> Settings:
    properties = _part(schema, "properties")
    return {
        name: _changed(_part(properties, name), value, change, pointer=below(pointer, name))
        for name, value in values.items()
    }


def _changed(schema: Schema, value: JsonValue, change: Change, *, pointer: str) -> JsonValue:
    if schema.get(MARK):
        return value if value in ("", None) else change(value, pointer)
    match value:
        case dict():
            return _all_changed(schema, value, change, pointer=pointer)
        case list():
            items = _part(schema, "items")
            return [
                _changed(items, part, change, pointer=below(pointer, number))
                for number, part in enumerate(value)
            ]
        case _:
            return value


def _part(schema: Schema, name: str) -> Schema:
    """Return a part of a schema that is itself one; ``true`` and what is missing say nothing."""
    part = schema.get(name)
    return cast("Schema", part) if isinstance(part, Mapping) else {}


def _marks_in_place(schema: Schema) -> int:
    """Count the marks at places where ``_changed`` looks."""
    properties = _part(schema, "properties")
    parts = (*(_part(properties, name) for name in properties), _part(schema, "items"))
    return sum(_marks(part) if part.get(MARK) else _marks_in_place(part) for part in parts if part)


def _marks(part: object) -> int:
    """Count the marks anywhere."""
    match part:
        case dict():
            inner = cast("dict[str, Any]", part)
            return bool(inner.get(MARK)) + sum(map(_marks, inner.values()))
        case list():
            return sum(map(_marks, cast("list[Any]", part)))
        case _:
            return 0
