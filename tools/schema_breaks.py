"""What a changed JSON Schema of an event would break for those who read such events."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

# A promise about a value that may not change: what else stands beside it is explanation.
PROMISES: Final = (
    *("type", "const", "format", "pattern", "enum", "additionalProperties"),
    *("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"),
)
Schema = Mapping[str, Any]


def breaks(old: Schema, new: Schema) -> Iterator[str]:
    """Name each place of ``old`` that readers could rely on and that ``new`` does not keep."""
    return _breaks(_inlined(old, old), _inlined(new, new), "")


def _breaks(old: Any, new: Any, place: str) -> Iterator[str]:  # noqa: ANN401  JSON of any shape
    for name in PROMISES:
        if _text(old.get(name)) != _text(new.get(name)):
            yield f"{place or '/'}: {name}"
    yield from (
        f"{place}/{name}: is not always there any more"
        for name in set(old.get("required", ())) - set(new.get("required", ()))
    )
    kept: Schema = new.get("properties", {})
    for name, value in old.get("properties", {}).items():
        if name in kept:
            yield from _breaks(value, kept[name], f"{place}/{name}")
        else:
            yield f"{place}/{name}: is gone"
    if old.get("additionalProperties") is False:
        yield from (
            f"{place}/{name}: was forbidden"
            for name in sorted(kept.keys() - old["properties"].keys())
        )
    for name in ("items", "anyOf", "allOf"):
        yield from _within(old.get(name), new.get(name), f"{place}/{name}")


def _within(old: Any, new: Any, place: str) -> Iterator[str]:  # noqa: ANN401
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _breaks(old, new, place)
    elif isinstance(old, list) and isinstance(new, list):
        before, after = cast("list[Any]", old), cast("list[Any]", new)
        if len(before) != len(after):
            yield f"{place}: differs"
            return
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _breaks(one, other, f"{place}/{number}")
    elif old != new:
        yield f"{place}: differs"


def _inlined(value: Any, whole: Schema) -> Any:  # noqa: ANN401
    """Put definitions where they are referred to: what they are called is nobody's business."""
    if isinstance(value, list):
        return [_inlined(item, whole) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    found = cast("dict[str, Any]", value)
    if "$ref" in found:
        return _inlined(whole["$defs"][found["$ref"].rpartition("/")[2]], whole)
    return {name: _inlined(item, whole) for name, item in found.items() if name != "$defs"}


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)
