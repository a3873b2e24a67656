"""The one table of methods and parameters, as a given Proxmox release has it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, cast

from proxmox_lab.release import MODERN

Rule = Mapping[str, Any]
Rules = Mapping[str, Rule]

_INDEXED: Final = re.compile(r"^([a-z]+)(\d+)$")


@dataclass(frozen=True, slots=True)
class Method:
    """One verb on one path template, with all that is checked before it runs."""

    verb: str
    template: str
    parameters: Rules
    permissions: Mapping[str, Any]
    takes_token: bool
    on_node: bool

    @property
    def name(self) -> str:
        return f"{self.verb} {self.template}"

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(filter(None, self.template.split("/")))


@dataclass(frozen=True, slots=True)
class Table:
    """All methods of one release."""

    major: int
    methods: Mapping[str, Method]
    formats: Mapping[str, Rule]

    def find(self, verb: str, path: tuple[str, ...]) -> tuple[Method, dict[str, str]] | None:
        """Find the method of a path, most literal template first, and what the path says."""
        best: tuple[int, Method, dict[str, str]] | None = None
        for method in self.methods.values():
            if method.verb != verb:
                continue
            said = _match(method.segments, path)
            if said is not None and (best is None or len(said) < best[0]):
                best = (len(said), method, said)
        return (best[1], best[2]) if best else None

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
