"""Cut the parameter table of the methods the lab answers out of a full description of the API."""

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from proxmox_lab.api.routes import ROUTES

METHOD_KEYS: Final = ("allowtoken", "proxyto", "parameters", "permissions", "since", "only_in")
OLD_KEYS: Final = ("params_absent_in_8.4", "params_as_in_8.4", "permissions_in_8.4")
RULE_NOISE: Final = ("default", "note", "description", "src")
_UNDESCRIBED: Final[Mapping[str, Any]] = {
    "GET /": {"parameters": {}, "permissions": {"user": "all"}},
}


def trimmed(full: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the methods the lab answers and the formats they name; facts only."""
    methods = {name: _method(full.get(name) or _UNDESCRIBED[name]) for name in sorted(ROUTES)}
    formats: dict[str, Any] = {}
    _follow(_formats_named(methods), full["_formats"], formats)
    return {"methods": methods, "formats": formats}


def _method(body: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: body[key] for key in METHOD_KEYS if key in body}
    kept["permissions"] = _without(kept.get("permissions", {}), ("description",))
    kept["parameters"] = {n: _without(r, RULE_NOISE) for n, r in body["parameters"].items()}
    old = {key: value for key, value in body.get("pve8.4", {}).items() if key in OLD_KEYS}
    if "params_as_in_8.4" in old:
        rules = old["params_as_in_8.4"].items()
        old["params_as_in_8.4"] = {n: _without(rule, RULE_NOISE) for n, rule in rules}
    return kept | ({"pve8.4": old} if old else {})


def _without(rule: Mapping[str, Any], noise: Iterable[str]) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if key not in set(noise)}


def _formats_named(node: object) -> set[str]:
    if isinstance(node, dict):
        body = cast("dict[str, object]", node)
        named = {str(body[key]) for key in ("format", "of") if isinstance(body.get(key), str)}
        return named.union(*(_formats_named(value) for value in body.values()))
    if isinstance(node, list):
        return set[str]().union(*(_formats_named(value) for value in cast("list[object]", node)))
    return set()


def _follow(names: set[str], known: Mapping[str, Any], into: dict[str, Any]) -> None:
    for name in sorted(names):
        key = name.removeprefix("#")
        if key in into or key not in known:
            continue
        body = _without(known[key], RULE_NOISE)
        if "properties" in body:
            body["properties"] = {n: _without(r, RULE_NOISE) for n, r in body["properties"].items()}
        into[key] = body
        _follow(_formats_named(body) | set(body.get("accepts", ())), known, into)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("full", type=Path, help="the full description (JSON)")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    table = trimmed(json.loads(arguments.full.read_text()))
    parts = (f'"{name}": {{\n{_rows(table[name])}}}' for name in ("formats", "methods"))
    arguments.out.write_text("{" + ",\n".join(parts) + "}\n")


def _rows(entries: Mapping[str, Any]) -> str:
    """One line for each, so that two people can add methods without meeting."""
    rows = (f"{json.dumps(n)}: {json.dumps(b, sort_keys=True)}" for n, b in sorted(entries.items()))
    return ",\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
