"""A module's arguments, checked as the real module checks them: names, types, choices, defaults."""

from collections.abc import Mapping
from functools import cache
from typing import cast

from pydantic import TypeAdapter

from proxmox_lab.guests.simulated.data_files import table
from proxmox_lab.guests.simulated.modules.options import BadArguments, Option, converted


@cache
def documented() -> Mapping[str, Mapping[str, Option]]:
    """The options of every module in the parameters table."""
    return TypeAdapter(dict[str, dict[str, Option]]).validate_python(table("parameters.json"))


@cache
def modelled() -> Mapping[str, frozenset[str]]:
    """The options that the model honours; those under ``anywhere`` hold for every module."""
    return TypeAdapter(dict[str, frozenset[str]]).validate_python(table("modelled.yml"))


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
            _refuse_unmodelled(module, name, options[name], value)
            values[name] = converted(name, options[name], value)
        elif written in UNDOCUMENTED.get(module, ()):
            values[written] = value
        else:
            unknown.append(written)
    _refuse_unknown(module, unknown, options)
    missing = [n for n, option in options.items() if option.required and values[n] is None]
    if missing:
        raise BadArguments(f"missing required arguments: {', '.join(sorted(missing))}")
    for name, option in options.items():
        values[name] = converted(name, option, values[name])
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


def _refuse_unmodelled(module: str, name: str, option: Option, value: object) -> None:
    """Nothing passes unseen: what the model would leave undone must fail."""
    known = modelled()["anywhere"] | modelled()[module]
    default = converted(name, option, option.default)
    if name not in known and converted(name, option, value) not in (None, default):
        raise BadArguments(
            f"the simulated guest does not model the option {name} of the module {module}"
        )


def _refuse_unknown(module: str, unknown: list[str], options: Mapping[str, Option]) -> None:
    if unknown:
        supported = ", ".join(sorted(options))
        raise BadArguments(
            f"Unsupported parameters for ({module}) module: {', '.join(sorted(unknown))}. "
            f"Supported parameters include: {supported}."
        )
