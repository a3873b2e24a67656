"""What a person sees who tries webhooks on their own machine, by commands alone."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.stack import ROOT, Stack

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]


async def begin(stack: Stack, *words: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "yard_cli", "webhooks", *words, "--data", str(stack.data),
        cwd=ROOT, env=os.environ, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip


async def yard(stack: Stack, *words: str) -> Any:
    process = await begin(stack, *words, "--json")
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


@asynccontextmanager
async def listening(stack: Stack, *words: str) -> AsyncGenerator[Process]:
    process = await begin(stack, "listen", "--port", "0", "--json", *words)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def line_of(process: Process) -> Any:
    assert process.stdout
    async with asyncio.timeout(60):
        return json.loads(await process.stdout.readline())


async def test_a_listener_registers_verifies_prints_and_leaves_nothing_behind(stack: Stack) -> None:
    async with listening(stack, "--register", "--type", "server.*") as listener:
        ping = await line_of(listener)
        [webhook] = await yard(stack, "list")
        name = webhook["name"]
        tried = await yard(stack, "example", "-f", name, "server.ready")
        example = await line_of(listener)
        await stack.finished((await stack.deploy("luanti"))["id"])
        ready = await line_of(listener)
        while ready["type"] != "server.ready":
            ready = await line_of(listener)
        again = await yard(stack, "replay", name, "--event", ready["id"])
        repeated = await line_of(listener)
        while repeated["id"] != ready["id"]:
            repeated = await line_of(listener)
        attempts = await yard(stack, "attempts", name, "--event", ready["id"])
        listener.terminate()
        await listener.wait()
        left = await yard(stack, "list")

    assert ping["type"] == "webhook.ping"
    assert (tried["status"], tried["event_id"]) == (204, example["id"])
    assert example["example"] is True
    assert again["count"] == 1
    assert repeated == ready
    assert {one["status"] for one in attempts} == {204}
    assert left == []
