"""A hypervisor that misbehaves under the whole product: what whoever deployed is told of it."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.lab_invariants import doubles, strangers
from tests.stack import Stack, running_stack

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Stack]:
    async with running_stack(Stack(tmp_path_factory.mktemp("yard"))) as stack:
        yield stack
        assert doubles(await stack.lab("GET", "/lab/history")) == []


@dataclass(frozen=True, kw_only=True)
class Row:
    """A fault, and the failure that tells of it."""

    fault: dict[str, Any]
    code: str
    step: str
    detail: str
    remedy: str


async def deployed(stack: Stack, **fault: Any) -> dict[str, Any]:
    """Deploy once under a fault, and return how that ended; the fault is over then."""
    await stack.lab("POST", "/lab/faults", json=fault)
    operation = await stack.deploy(name=str(fault["preset"]))
    ended = await stack.finished(operation["id"], within=300)
    await stack.lab("DELETE", "/lab/faults")
    return ended


async def assert_failed(stack: Stack, row: Row) -> None:
    ended = await deployed(stack, **row.fault)

    error = ended["error"]
    assert ended["state"] == "failed", ended
    assert (error["code"], error["step"]) == (row.code, row.step)
    assert row.detail in error["detail"]
    assert row.remedy in error["remedy"]


async def is_clean(stack: Stack) -> bool:
    kept = strangers(await stack.lab("GET", "/lab/history"))
    return [vm for vm in await stack.vms() if vm["vmid"] not in kept] == []


async def test_f23_a_stranger_who_takes_the_id_is_left_alone(stack: Stack) -> None:
    ended = await deployed(stack, preset="stranger")

    assert ended["state"] == "succeeded", ended
    [stranger] = strangers(await stack.lab("GET", "/lab/history"))
    assert {vm["vmid"] for vm in await stack.vms()} == {stranger, stranger + 1}

    removal = await stack.call("DELETE", f"/v1/servers/{ended['server_id']}")
    assert (await stack.finished(removal.json()["id"]))["state"] == "succeeded"
    assert [vm["vmid"] for vm in await stack.vms()] == [stranger]


async def test_f28_a_missing_privilege_fails_the_deployment_and_is_named(stack: Stack) -> None:
    row = Row(
        fault={"preset": "privilege-missing", "privilege": "VM.PowerMgmt", "path": "/start$"},
        code="vm_failed",
        step="start",
        detail="Permission check failed",
        remedy="grant VM.PowerMgmt on /vms/",
    )
    await assert_failed(stack, row)
    assert await is_clean(stack)


async def test_f31_a_full_storage_fails_the_deployment_in_proxmoxs_words(stack: Stack) -> None:
    row = Row(
        fault={"preset": "storage-full"},
        code="vm_failed",
        step="clone",
        detail="No space left on device",
        remedy="free space",
    )
    await assert_failed(stack, row)
    assert await is_clean(stack)


async def test_f35_another_host_key_than_the_agents_fails_the_deployment(stack: Stack) -> None:
    row = Row(
        fault={"preset": "host-key-changes"},
        code="provisioning_failed",
        step="ssh",
        detail="is not the guest's",
        remedy="another machine at this address",
    )
    await assert_failed(stack, row)
    assert await is_clean(stack)


async def test_f25_a_clone_that_cannot_be_taken_away_says_so_with_the_command(stack: Stack) -> None:
    row = Row(
        fault={"preset": "dead-worker"},
        code="removal_blocked",
        step="clone",
        detail="The VM could not be removed",
        remedy="qm unlock ",
    )
    await assert_failed(stack, row)
    assert not await is_clean(stack)
