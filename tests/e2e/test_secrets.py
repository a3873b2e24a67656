"""A secret goes through the whole product and is found in the guest's file alone."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from tests.stack import Stack, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
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
    await eventually(lambda: _is_told(stack, operation["id"]), within=60)
    log = await stack.log(operation["id"])

    holding_secret, holding_open = holding(stack.data, SECRET), holding(stack.data, OPEN)

    assert ended["state"] == "succeeded", ended
    assert server["settings"]["password"] == "[masked]"
    assert SECRET not in repr(log)
    assert holding_secret
    assert {path.parts[0] for path in holding_secret} == {"lab"}
    assert {"databases", "nats", "lab"} <= {path.parts[0] for path in holding_open}


async def _is_told(stack: Stack, operation: str) -> bool:
    lines = await stack.log(operation)
    return any(line["text"].startswith("changed: Write the settings") for line in lines)


def holding(folder: Path, text: str) -> list[Path]:
    """Find the files, databases and the bus's store among them, that hold a text."""
    files = (Path(root, name) for root, _, names in os.walk(folder) for name in names)
    return [path.relative_to(folder) for path in files if text.encode() in _content(path)]


def _content(path: Path) -> bytes:
    with suppress(OSError):  # the stack lives: a file may be gone between two looks, or a socket
        return path.read_bytes()
    return b""
