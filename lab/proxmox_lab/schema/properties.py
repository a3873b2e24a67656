"""Property strings, Proxmox's ``key=value,key=value`` inside one parameter."""

from collections.abc import Mapping
from typing import Any, Final

_TRUE: Final = frozenset({"1", "on", "yes", "true"})
_FALSE: Final = frozenset({"0", "off", "no", "false"})


class Malformed(Exception):
    """The string cannot be taken apart at all; the text says why."""


def split(text: str, rules: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Take a property string apart by its rules; aliases and booleans are resolved."""
    default = next((name for name, rule in rules.items() if rule.get("default_key")), None)
    found: dict[str, str] = {}
    for part in filter(str.strip, text.split(",")):
        for key, value in _pairs(part, default, rules):
            if key in found:
                raise Malformed(f"duplicate key in comma-separated list property: {key}\n")
            found[key] = _normal(value, rules.get(key, {}))
    return found


def join(values: Mapping[str, str], *, default: str | None = None) -> str:
    """Put a property string together; ``default`` goes first and without its name."""
    first = [values[default]] if default in values and default is not None else []
    return ",".join([*first, *(f"{k}={v}" for k, v in values.items() if k != default)])


def loosely(text: str) -> dict[str, str]:
    """Take a stored property string apart without rules; a bare part is keyed by ''."""
    pairs = (part.partition("=") for part in text.split(","))
    return {key if mark else "": value if mark else key for key, mark, value in pairs}


def is_on(text: str | None) -> bool:
    """Tell whether a stored switch such as ``agent`` is on."""
    found = loosely(text or "0")
    return found.get("enabled", found.get("", "0")).lower() in _TRUE


def _pairs(
    part: str, default: str | None, rules: Mapping[str, Mapping[str, Any]]
) -> list[tuple[str, str]]:
    key, mark, value = part.partition("=")
    if not mark:
        if default is None:
            raise Malformed("value without key, but schema does not define a default key\n")
        return [(default, part)]
    if not value:
        raise Malformed("missing key in comma-separated list property\n")
    rule = rules.get(key, {})
    if "keyAlias" in rule:  # net0: virtio=MAC stands for model=virtio,macaddr=MAC
        return [(rule["keyAlias"], key), (rule["alias"], value)]
    return [(rule.get("alias", key), value)]


def _normal(value: str, rule: Mapping[str, Any]) -> str:
    if rule.get("type") != "boolean":
        return value
    lowered = value.lower()
    return "1" if lowered in _TRUE else "0" if lowered in _FALSE else value
