"""Every validation text that was measured, asked of the lab's own checks."""

import json
from pathlib import Path
from typing import Any

import pytest

from proxmox_lab.refusal import Refusal
from proxmox_lab.schema.formats import complaint
from proxmox_lab.schema.table import Method, rule_for, table_of
from proxmox_lab.schema.verify import check, verify

SAMPLES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "schema-errors.json").read_text()
)
# HTTP turns one value into an array of one, and no parameter in the table has the other types.
NOT_OVER_HTTP = {"null", "object", "array"}
# Without text in the table: the only format of an option that is judged by unpublished code.
NO_TEXT = {"pve-qm-bootdisk"}


def of(kind: str) -> list[dict[str, Any]]:
    return [sample for sample in SAMPLES if sample["kind"] == kind and is_in_use(sample)]


def is_in_use(sample: dict[str, Any]) -> bool:
    if sample["kind"] == "format":
        return sample["format"] in table_of(8).formats.keys() - NO_TEXT
    if sample["kind"] == "keyword" and not isinstance(sample["value"], list):
        return sample["schema"]["type"] not in NOT_OVER_HTTP
    return True


@pytest.mark.parametrize("sample", of("qm-option"), ids=lambda s: f"{s['option']}={s['value']}")
def test_a_machines_option_is_judged_as_measured(sample: dict[str, Any]) -> None:
    table = table_of(8)
    rule = rule_for(table.machine_options(), sample["option"])
    assert rule is not None

    found = check(sample["option"], sample["value"], rule, table)

    assert found == (sample["errors"] or {}).get(sample["option"])


@pytest.mark.parametrize("sample", of("format"), ids=lambda s: f"{s['format']}={s['value']}")
def test_a_format_is_judged_as_measured(sample: dict[str, Any]) -> None:
    table = table_of(8)
    name = sample["format"]

    if table.formats[name]["kind"] == "property-string":
        found = check("p", sample["value"], {"type": "string", "format": name}, table)
        found = found and found.removeprefix("invalid format - ")
    else:
        found = complaint(name, sample["value"], table.formats)

    assert found == sample["error"]


@pytest.mark.parametrize("sample", of("keyword"), ids=lambda s: f"{s['schema']}={s['value']}")
def test_a_schema_keyword_is_judged_as_measured(sample: dict[str, Any]) -> None:
    method = Method("GET", "/x", {"p": sample["schema"]}, {}, takes_token=True, on_node=False)
    try:
        verify(method, {"p": sample["value"]}, table_of(8))
        found = None
    except Refusal as refusal:
        found = refusal.errors

    assert found == sample["errors"]
