"""The one table of methods and parameters, as a given Proxmox release has it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Final, cast

from proxmox_lab.release import MODERN

Rule = Mapping[str, Any]
Rules = Mapping[str, Rule]

_INDEXED: Final = re.compile(r"^([a-z]+)(\d+)$")


@dataclass(frozen=True)
class Method:
    """One verb on one path template, with all that is checked before it runs."""

    verb: str
    template: str
    parameters: Rules
    permissions: Mapping[str, Any]
    takes_token: bool
    on_node: bool

    @cached_property
    def name(self) -> str:
        return f"{self.verb} {self.template}"

    @cached_property
    def segments(self) -> tuple[str, ...]:
        return tuple(filter(None, self.template.split("/")))


@dataclass(frozen=True)
class Table:
    """All methods of one release."""

    major: int
    methods: Mapping[str, Method]
    formats: Mapping[str, Rule]

    def find(self, verb: str, path: tuple[str, ...]) -> tuple[Method, dict[str, str]] | None:
        """Find the method of a path, most literal template first, and what the path says."""
        best: tuple[int, Method, dict[str, str]] | None = None
        shape = (verb, len(path), path[0] if path else "")
        for method in (*self._by_shape.get(shape, ()), *self._open_ended):
            if method.verb != verb:
                continue
            said = _match(method.segments, path)
            if said is not None and (best is None or len(said) < best[0]):
                best = (len(said), method, said)
        return (best[1], best[2]) if best else None

    @cached_property
    def _by_shape(self) -> Mapping[tuple[str, int, str], list[Method]]:
        """Methods by verb, length and first word of their path: a handful at most."""
        found: dict[tuple[str, int, str], list[Method]] = {}
        for method in self.methods.values():
            parts = method.segments
            found.setdefault((method.verb, len(parts), "".join(parts[:1])), []).append(method)
        return found

    @cached_property
    def _open_ended(self) -> list[Method]:
        """Methods whose path ends in a volume's name, which may hold slashes."""
        return [m for m in self.methods.values() if m.segments[-1:] == ("{volume}",)]

    def machine_options(self) -> Rules:
        """The options a machine's configuration may hold."""
        return self.methods["PUT /nodes/{node}/qemu/{vmid}/config"].parameters


def rule_for(rules: Rules, name: str) -> Rule | None:
    """Find the rule of a parameter; ``net3`` is ruled by ``net[n]``."""
    if name in rules:
        return rules[name]
    indexed = _INDEXED.match(name)
    rule = rules.get(f"{indexed[1]}[n]") if indexed else None
    if rule is None or indexed is None:
        return None
    low, high = rule["index"]
    return rule if low <= int(indexed[2]) <= high and str(int(indexed[2])) == indexed[2] else None


@cache
def table_of(major: int) -> Table:
    """Read the table as release ``major`` (8 or 9) has it."""
    text = files("proxmox_lab").joinpath("data/methods.json").read_text()
    raw = cast("dict[str, dict[str, dict[str, Any]]]", json.loads(text))
    methods = {
        name: _method(name, body, major)
        for name, body in raw["methods"].items()
        if not (major < MODERN and str(body.get("since", "")).startswith(str(MODERN)))
    }
    return Table(major=major, methods=methods, formats=raw["formats"])


def _method(name: str, body: Mapping[str, Any], major: int) -> Method:
    old = cast("Mapping[str, Any]", body.get("pve8.4", {}) if major < MODERN else {})
    absent = cast("list[str]", old.get("params_absent_in_8.4", []))
    parameters = {k: v for k, v in body["parameters"].items() if k not in absent}
    verb, template = name.split(" ", 1)
    return Method(
        verb=verb,
        template=template,
        parameters=parameters | old.get("params_as_in_8.4", {}),
        permissions=old.get("permissions_in_8.4", body["permissions"]),
        takes_token=bool(body.get("allowtoken", 1)),
        on_node=body.get("proxyto") == "node",
    )


def _match(segments: tuple[str, ...], path: tuple[str, ...]) -> dict[str, str] | None:
    if segments[-1:] == ("{volume}",) and len(path) > len(segments):
        head = len(segments) - 1
        path = (*path[:head], "/".join(path[head:]))
    if len(segments) != len(path):
        return None
    said: dict[str, str] = {}
    for wanted, found in zip(segments, path, strict=True):
        if wanted.startswith("{"):
            said[wanted[1:-1]] = found
        elif wanted != found:
            return None
    return said
