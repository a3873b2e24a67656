"""A secret goes through the whole product and is found in the guest's file alone."""

from pathlib import Path

import pytest

from tests.stack import Stack

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]

SECRET = "canary-93c7-geheim"
OPEN = "canary-93c7-offen"


async def test_a_secret_setting_is_in_the_guest_s_file_and_nowhere_else_on_disk(
    stack: Stack,
) -> None:
    settings = {"password": SECRET, "motd": OPEN}
    operation = await stack.deploy("teeworlds", settings=settings)
    ended = await stack.finished(operation["id"])
    server = await stack.server(operation["server_id"])
    log = await stack.log(operation["id"])

    holding_secret, holding_open = _holding(stack.data, SECRET), _holding(stack.data, OPEN)

    assert ended["state"] == "succeeded", ended
    assert server["settings"]["password"] == "[masked]"
    assert SECRET not in repr(log)
    assert any(line["text"].startswith("changed: Write the settings") for line in log)
    assert holding_secret
    assert {path.parts[0] for path in holding_secret} == {"lab"}
    assert {"databases", "nats", "lab"} <= {path.parts[0] for path in holding_open}


def _holding(folder: Path, text: str) -> list[Path]:
    """Find the files, databases and the bus's store among them, that hold a text."""
    return [
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    ]
