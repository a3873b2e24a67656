"""Parameter verification with Proxmox's own words."""

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from proxmox_lab.refusal import invalid
from proxmox_lab.release import MODERN
from proxmox_lab.schema import properties
from proxmox_lab.schema.formats import complaint, full_match
from proxmox_lab.schema.table import Method, Rule, Rules, Table, rule_for

Value = str | list[str]

MISSING: Final = "property is missing and it is not optional"
UNKNOWN: Final = (
    "property is not defined in schema and the schema does not allow additional properties"
)
_INTEGER: Final = re.compile(r"^[+-]?\d+$")
_NUMBER: Final = re.compile(r"^[+-]?(\d+\.\d+|\d+\.|\.\d+|\d+)([eE][+-]?\d+)?$")


def verify(method: Method, given: Mapping[str, Any], table: Table) -> dict[str, Value]:
    """Check what was given; returns it as text, or raises the 400 with every complaint."""
    taken = {name: _as_text(value) for name, value in given.items() if value is not None}
    errors: dict[str, str] = {}
    for name, value in taken.items():
        rule = rule_for(method.parameters, name)
        found = UNKNOWN if rule is None else _listed(name, value, rule, table)
        if found:
            errors[name] = found
        elif rule is not None and rule.get("type") == "array":
            taken[name] = [value] if isinstance(value, str) else value
            errors |= _item_complaints(name, taken[name], rule, table)
    errors |= _absent(method.parameters, taken, prefix="", major=table.major)
    if errors:
        raise invalid(errors)
    return {n: _joined(cast("Value", v), method.parameters, n) for n, v in taken.items()}


def _as_text(value: object) -> object:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list):
        return [str(item) for item in cast("list[object]", value)]
    return str(value) if isinstance(value, (int, float)) else value


def _listed(name: str, value: object, rule: Rule, table: Table) -> str | None:
    if isinstance(value, list):
        if rule.get("type") == "array" or str(rule.get("format", "")).endswith("-list"):
            return None
        return f"type check ('{rule.get('type', 'string')}') failed - got ARRAY"
    if isinstance(value, dict):
        return f"type check ('{rule.get('type', 'string')}') failed - got HASH"
    return check(name, str(value), rule, table)


def _item_complaints(name: str, items: object, rule: Rule, table: Table) -> dict[str, str]:
    each = cast("Rule", rule.get("items", {}))
    judged = (
        (f"{name}[{place}]", check(name, item, each, table))
        for place, item in enumerate(cast("list[str]", items))
    )
    return {where: found for where, found in judged if found}


def _joined(value: Value, rules: Rules, name: str) -> Value:
    rule = rule_for(rules, name) or {}
    return ",".join(value) if isinstance(value, list) and rule.get("type") != "array" else value


def check(name: str, value: str, rule: Rule, table: Table) -> str | None:
    """Return the complaint about one value, or None."""
    found = _type_complaint(value, str(rule.get("type", "string")))
    if found:
        return found
    if "format" in rule:
        found = _format_complaint(name, value, str(rule["format"]).removeprefix("#"), table)
        if found:
            return f"invalid format - {found}"
    if "pattern" in rule and not full_match(str(rule["pattern"]), value):
        return "value does not match the regex pattern"
    return _bounds_complaint(value, rule)


def _type_complaint(value: str, kind: str) -> str | None:
    fits = {
        "integer": lambda: _INTEGER.match(value),
        "number": lambda: _NUMBER.match(value),
        "boolean": lambda: value in ("0", "1"),
    }.get(kind)
    return None if fits is None or fits() else f"type check ('{kind}') failed - got '{value}'"


def _bounds_complaint(value: str, rule: Rule) -> str | None:
    if "maxLength" in rule and len(value) > rule["maxLength"]:
        return f"value may only be {rule['maxLength']} characters long"
    if "minLength" in rule and len(value) < rule["minLength"]:
        return f"value must be at least {rule['minLength']} characters long"
    if _NUMBER.match(value):
        if "minimum" in rule and float(value) < rule["minimum"]:
            return f"value must have a minimum value of {rule['minimum']}"
        if "maximum" in rule and float(value) > rule["maximum"]:
            return f"value must have a maximum value of {rule['maximum']}"
    if "enum" in rule and value not in rule["enum"]:
        allowed = ", ".join(rule["enum"])
        return f"value '{value}' does not have a value in the enumeration '{allowed}'"
    return None


def _format_complaint(name: str, value: str, format: str, table: Table) -> str | None:
    body = table.formats.get(format)
    coded = complaint(format, value, table.formats)
    if coded or body is None or body["kind"] != "property-string":
        return coded
    rules = cast("Rules", body["properties"])
    try:
        found = properties.split(value, rules)
    except properties.Malformed as malformed:
        return str(malformed)
    complaints = _inner_complaints(name, found, rules, table)
    return "format error\n" + "".join(complaints) if complaints else None


def _inner_complaints(name: str, found: Mapping[str, str], rules: Rules, table: Table) -> list[str]:
    errors: dict[str, str] = {}
    for key, text in found.items():
        rule = rules.get(key)
        wrong = UNKNOWN if rule is None else check(f"{name}.{key}", text, rule, table)
        if wrong:
            errors[f"{name}.{key}"] = wrong
    errors |= _absent(rules, found, prefix=f"{name}.", major=table.major)
    return [f"{key}: {text}\n" for key, text in errors.items()]


def _absent(
    rules: Rules, taken: Mapping[str, object], *, prefix: str, major: int
) -> dict[str, str]:
    errors: dict[str, str] = {}
    for name, rule in rules.items():
        needed = rule.get("requires")
        if name in taken and needed and needed not in taken:
            errors[f"{prefix}{needed}"] = _requires(f"{prefix}{name}", major)
        elif (
            name not in taken and not rule.get("optional") and not {"alias", "index"} & rule.keys()
        ):
            errors[f"{prefix}{name}"] = MISSING
    return errors


def _requires(name: str, major: int) -> str:
    if major < MODERN:
        return f"missing property - '{name}' requires this property"
    return f"missing property required by '{name}'"
