"""What is logged is one JSON object a line, and no secret is in it."""

import json
import logging

import pytest

from common.logging import MASK, JsonFormatter, bind, masked

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c3JfMSJ9.c2lnbmF0dXJl"


def line(message: str, **extra: object) -> dict[str, str]:
    record = logging.makeLogRecord({"name": "x", "levelname": "INFO", "msg": message, **extra})
    return json.loads(JsonFormatter("gateway").format(record))


def test_a_line_names_its_service_and_carries_what_is_bound():
    with bind(operation_id="op_1"):
        written = line("cloning", vmid=101)

    assert written["service"] == "gateway"
    assert written["message"] == "cloning"
    assert written["operation_id"] == "op_1"
    assert written["vmid"] == "101"
    assert "operation_id" not in line("later")


@pytest.mark.parametrize(
    "secret",
    [
        f"Bearer {TOKEN}",
        "PVEAPIToken=yard@pve!t=9f1c-secret",
        "postgresql+asyncpg://yard:hunter2@db/yard",
        "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
        "password=hunter2 next",
    ],
)
def test_whatever_looks_like_a_credential_is_masked(secret: str):
    text = masked(f"before {secret} after")

    assert MASK in text
    for part in (TOKEN, "9f1c-secret", "hunter2", "\nabc\n"):
        assert part not in text
    assert text.startswith("before ")


def test_a_field_with_a_secret_name_is_masked_whatever_it_holds():
    assert line("login", nats_password="plain")["nats_password"] == MASK


def test_an_exception_is_masked_too():
    try:
        raise RuntimeError(f"refused {TOKEN}")
    except RuntimeError as error:
        written = line("failed", exc_info=(type(error), error, error.__traceback__))

    assert TOKEN not in written["exception"]
    assert "RuntimeError" in written["exception"]
