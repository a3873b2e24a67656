"""A module's arguments, checked as the real module checks them: names, types, choices, defaults."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter

from proxmox_lab.guests.simulated.data_files import table

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


@cache
def documented() -> Mapping[str, Mapping[str, Option]]:
    """The options of every module in the parameters table."""
    return TypeAdapter(dict[str, dict[str, Option]]).validate_python(table("parameters.json"))


class Arguments:
    """Checked values by option name; aliases are gone, defaults are there."""

    def __init__(self, values: Mapping[str, object]) -> None:
        """Take checked values."""
        self._values = values

    def value(self, name: str) -> object:
        """The value as it is, or none."""
        return self._values.get(name)

    def text(self, name: str, default: str = "") -> str:
        """The value as text."""
        value = self._values.get(name)
        return default if value is None else str(value)

    def optional(self, name: str) -> str | None:
        """The value as text, or none when it was not given."""
        value = self._values.get(name)
        return None if value is None else str(value)

    def flag(self, name: str) -> bool:
        """The value as a truth."""
        return bool(self._values.get(name))

    def number(self, name: str, default: int = 0) -> int:
        """The value as a whole number."""
        value = self._values.get(name)
        return default if value is None else int(cast("int", value))

    def texts(self, name: str) -> list[str]:
        """The value as a list of texts."""
        value = self._values.get(name)
        return [str(item) for item in cast("list[object]", value)] if value else []


def checked(module: str, given: Mapping[str, object]) -> Arguments:
    """Check what was given against the documented options; raises ``BadArguments``."""
    options = documented().get(module, {})
    names = {alias: name for name, option in options.items() for alias in option.aliases}
    values: dict[str, object] = {name: option.default for name, option in options.items()}
    unknown: list[str] = []
    for written, value in given.items():
        name = names.get(written, written)
        if name in options:
            values[name] = _converted(name, options[name], value)
        elif written in UNDOCUMENTED.get(module, ()):
            values[written] = value
        else:
            unknown.append(written)
    _refuse_unknown(module, unknown, options)
    missing = [n for n, option in options.items() if option.required and values[n] is None]
    if missing:
        raise BadArguments(f"missing required arguments: {', '.join(sorted(missing))}")
    for name, option in options.items():
        values[name] = _converted(name, option, values[name])
    return Arguments(values)


# what action plugins hand to modules without documenting it
UNDOCUMENTED: Mapping[str, frozenset[str]] = {
    "copy": frozenset({"_original_basename", "follow", "recurse"}),
    "file": frozenset(
        {"_original_basename", "_diff_peek", "original_basename", "content", "recurse"}
    ),
    "command": frozenset({"_raw_params", "_uses_shell", "executable", "warn", "strip_empty_ends"}),
    "stat": frozenset({"get_md5", "get_size"}),
}


def _refuse_unknown(module: str, unknown: list[str], options: Mapping[str, Option]) -> None:
    if unknown:
        supported = ", ".join(sorted(options))
        raise BadArguments(
            f"Unsupported parameters for ({module}) module: {', '.join(sorted(unknown))}. "
            f"Supported parameters include: {supported}."
        )


def _converted(name: str, option: Option, value: object) -> object:
    if value is None:
        return None
    try:
        converted = CONVERSIONS.get(option.type, _as_it_is)(value, option)
    except (ValueError, TypeError) as error:
        raise BadArguments(
            f"argument '{name}' is of type {type(value).__name__} and we were unable to convert "
            f"to {option.type}: {error}"
        ) from error
    allowed = [str(choice) for choice in option.choices]
    items = cast("list[object]", converted) if isinstance(converted, list) else [converted]
    for item in items:
        if allowed and str(item) not in allowed:
            raise BadArguments(f"value of {name} must be one of: {', '.join(allowed)}, got: {item}")
    return cast("object", converted)


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
