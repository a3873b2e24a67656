"""The one table of parameters knows every method the lab answers, and every rule of it bites."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from proxmox_lab.api.routes import ROUTES
from proxmox_lab.refusal import Refusal
from proxmox_lab.schema.table import Method, Rule, Table, table_of
from proxmox_lab.schema.verify import MISSING, UNKNOWN, verify
from tools.lab_schema import trimmed

# The description of the API that the table is cut from lies beside the repository, or nowhere.
DESCRIPTION = Path(__file__).parents[4] / "shared" / "proxmox" / "api-schema.json"


def test_every_method_that_is_answered_is_in_the_table_and_nothing_else_is() -> None:
    assert table_of(9).methods.keys() | table_of(8).methods.keys() == ROUTES.keys()


@pytest.mark.skipif(not DESCRIPTION.exists(), reason="the description of the API is not here")
def test_the_table_has_every_limit_and_format_of_the_description() -> None:
    table = json.loads(files("proxmox_lab").joinpath("data/methods.json").read_text())

    wanted = trimmed(json.loads(DESCRIPTION.read_text()))

    assert table["methods"] == wanted["methods"]
    assert table["formats"] == wanted["formats"]


def broken(rule: Rule) -> Iterator[tuple[str, str]]:
    """Values that break a rule, each with what is said about it."""
    kind = rule.get("type")
    wrong = {"integer": ("abc", "1.5", ""), "number": ("x",), "boolean": ("yes", "True", "2", "")}
    for value in wrong.get(str(kind), ()):
        yield value, f"type check ('{kind}') failed - got '{value}'"
    if "format" in rule or "pattern" in rule:
        return
    if "minimum" in rule:
        yield str(rule["minimum"] - 1), f"value must have a minimum value of {rule['minimum']}"
    if "maximum" in rule:
        yield str(rule["maximum"] + 1), f"value must have a maximum value of {rule['maximum']}"
    if "maxLength" in rule:
        most = rule["maxLength"]
        yield "x" * (most + 1), f"value may only be {most} characters long"
    if rule.get("minLength"):
        least = rule["minLength"]
        yield "x" * (least - 1), f"value must be at least {least} characters long"
    if "enum" in rule and kind == "string":
        known = ", ".join(rule["enum"])
        yield "bogus", f"value 'bogus' does not have a value in the enumeration '{known}'"


def complaints(method: Method, given: dict[str, str], table: Table) -> dict[str, str]:
    try:
        verify(method, given, table)
    except Refusal as refused:
        return dict(refused.errors or {})
    return {}


@pytest.mark.parametrize("major", [8, 9])
def test_every_rule_of_every_method_bites(major: int) -> None:
    table, tried, silent = table_of(major), 0, list[str]()
    for method in table.methods.values():
        bare = complaints(method, {"bogus": "1"}, table)
        assert bare["bogus"] == UNKNOWN, method.name
        for name, rule in method.parameters.items():
            needed = not rule.get("optional") and not {"alias", "index"} & rule.keys()
            assert (bare.get(name) == MISSING) is needed, f"{method.name} {name}"
            said = re.sub(r"\[n\]$", str(rule.get("index", [0])[0]), name)
            for value, text in broken(rule):
                tried += 1
                found = complaints(method, {said: value}, table).get(said)
                silent += [f"{method.name} {said}={value!r}: {found}"] if found != text else []

    assert silent == []
    assert tried > 1000
