"""The replay notices each kind of difference; otherwise its share would mean nothing."""

from dataclasses import replace
from typing import Any

import pytest

from proxmox_lab.replay.comparison import difference
from proxmox_lab.replay.records import Record

BODY: dict[str, Any] = {"data": [{"vmid": 100, "name": "a", "cpu": 0.1}], "total": 1}
RECORD = Record(
    pve="9.2.11",
    source="main",
    id=1,
    note="x",
    method="GET",
    target="/api2/json/nodes/pve/qemu",
    headers={},
    body=None,
    status=200,
    reason="OK",
    json=BODY,
)


def test_the_same_answer_is_the_same() -> None:
    assert difference(RECORD, 200, "OK", BODY) is None


def test_figures_that_drift_do_not_matter() -> None:
    other = {"data": [{"vmid": 100, "name": "a", "cpu": 7}], "total": 3}

    assert difference(RECORD, 200, "OK", other) is None


@pytest.mark.parametrize(
    ("status", "reason", "body"),
    [
        (500, "OK", BODY),
        (200, "Fine", BODY),
        (200, "OK", None),
        (200, "OK", {"data": BODY["data"]}),
        (200, "OK", {"data": [], "total": 1}),
        (200, "OK", {"data": [{"vmid": 101, "name": "a", "cpu": 0.1}], "total": 1}),
        (200, "OK", {"data": [{"vmid": 100, "name": "b", "cpu": 0.1}], "total": 1}),
        (200, "OK", {"data": [{"vmid": 100, "name": "a", "cpu": "0.1"}], "total": 1}),
        (200, "OK", {"data": [{"vmid": 100, "name": "a"}], "total": 1}),
    ],
)
def test_another_answer_is_noticed(status: int, reason: str, body: dict[str, Any] | None) -> None:
    assert difference(RECORD, status, reason, body) is not None


def test_another_complaint_about_a_parameter_is_noticed() -> None:
    refused = replace(RECORD, status=400, reason="no", json={"data": None, "errors": {"a": "b"}})

    assert difference(refused, 400, "no", {"data": None, "errors": {"a": "c"}}) is not None
