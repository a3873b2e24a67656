"""A module's documented options, and how a value becomes one of the documented type."""

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

from pydantic import BaseModel

TRUE = frozenset({"y", "yes", "on", "1", "true", "t", "1.0"})
FALSE = frozenset({"n", "no", "off", "0", "false", "f", "0.0"})


class BadArguments(Exception):
    """The module refuses its arguments; the text is what it says."""


class Option(BaseModel, frozen=True, extra="forbid"):
    """One documented option of a module."""

    type: str
    default: Any = None
    required: bool = False
    aliases: tuple[str, ...] = ()
    elements: str = "str"
    choices: tuple[Any, ...] = ()


def converted(name: str, option: Option, value: object) -> object:
    """The value in its documented type and among its choices; raises ``BadArguments``."""
    if value is None:
        return None
    try:
        result = CONVERSIONS.get(option.type, _as_it_is)(value, option)
    except (ValueError, TypeError) as error:
        raise BadArguments(
            f"argument '{name}' is of type {type(value).__name__} and we were unable to convert "
            f"to {option.type}: {error}"
        ) from error
    allowed = [str(choice) for choice in option.choices]
    items = cast("list[object]", result) if isinstance(result, list) else [result]
    for item in items:
        if allowed and str(item) not in allowed:
            raise BadArguments(f"value of {name} must be one of: {', '.join(allowed)}, got: {item}")
    return cast("object", result)


def _boolean(value: object, _option: Option) -> bool:
    text = str(value).lower()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    message = f"The value {value!r} is not a valid boolean."
    raise ValueError(message)


def _list(value: object, option: Option) -> list[object]:
    items = cast("list[object]", value) if isinstance(value, list) else str(value).split(",")
    element = Option(type=option.elements)
    return [CONVERSIONS.get(option.elements, _as_it_is)(item, element) for item in items]


def _text(value: object, _option: Option) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _dict(value: object, _option: Option) -> object:
    return json.loads(value) if isinstance(value, str) else value


def _whole(value: object, _option: Option) -> int:
    return int(str(value))


def _decimal(value: object, _option: Option) -> float:
    return float(str(value))


def _as_it_is(value: object, _option: Option) -> object:
    return value


Conversion = Callable[[object, Option], object]
CONVERSIONS: Mapping[str, Conversion] = {
    "bool": _boolean,
    "int": _whole,
    "float": _decimal,
    "str": _text,
    "path": _text,
    "list": _list,
    "dict": _dict,
}
