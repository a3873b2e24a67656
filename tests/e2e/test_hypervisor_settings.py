"""An administrator connects a Proxmox from the command line, and the doctor looks at it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.stack import ROOT, Stack, running_stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(Stack(tmp_path / "data")) as stack:
        yield stack


async def yard(stack: Stack, *words: str, stdin: str = "") -> tuple[int, str]:
    """Run a command against the stack; return its exit code and all it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "yard_cli", *words, "--data", str(stack.data),
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate(stdin.encode())
    return process.returncode or 0, said.decode()


def findings(said: str) -> dict[str, Any]:
    return json.loads(said.splitlines()[0])


async def test_a_proxmox_is_connected_examined_and_used(stack: Stack, tmp_path: Path):
    code, said = await yard(stack, "doctor", "--json")
    assert (code, findings(said)["healthy"]) == (0, True), said
    assert [f for f in findings(said)["findings"] if f["level"] == "error"] == []

    _, shown = await yard(stack, "settings", "hypervisor", "show", "--json")
    wanted = json.loads(shown)
    wanted["settings"] |= {"vmid_first": 950_000, "vmid_last": 950_009}
    file = tmp_path / "hypervisor.json"
    file.write_text(json.dumps(wanted))
    secret = json.loads((stack.data / "lab" / "token.json").read_text())["secret"]
    told = ("settings", "hypervisor", "set", "--file", str(file), "--secret-file", "-")
    code, wrong = await yard(stack, *told, stdin="not the secret\n")
    assert code == 1
    assert "/token_secret" in wrong
    code, said = await yard(stack, *told, stdin=f"{secret}\n")
    assert code == 0, said
    assert "stored as revision 1" in said

    operation = await stack.deploy(name="moved")
    assert (await stack.finished(operation["id"]))["state"] == "succeeded"
    assert [vm["vmid"] for vm in await stack.vms()] == [950_000]
    code, said = await yard(stack, "doctor")
    assert code == 0
    assert "Few free VM ids 950000-950009" in said
    await stack.stop()
    assert holding(secret, stack.data) <= {"token.json"}


def holding(text: str, folder: Path) -> set[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.name for path in files if text.encode() in path.read_bytes()}


async def test_the_doctor_says_what_is_wrong_and_what_repairs_it(stack: Stack):
    rule = {"action": "answer", "path": "/pools$", "status": 403,
            "reason": "Permission check failed (/pool/spawnyard, Pool.Audit)"}  # fmt: skip
    await stack.lab("POST", "/lab/faults", json=rule)

    code, said = await yard(stack, "doctor")

    assert code == 0
    assert "Could not look at: pools" in said
    assert "Pool.Audit on /pool/spawnyard" in said
