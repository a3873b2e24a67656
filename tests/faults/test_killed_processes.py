"""Kill -9 whatever you like in the middle of a deployment: it still ends well, once."""

import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from tests.stack import Stack, eventually, playbooks, processes, running_stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncGenerator[Stack]:
    async with running_stack(Stack(tmp_path / "yard")) as stack:
        yield stack


async def ends_well(stack: Stack, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation succeeds, there is exactly one VM, and its log has no gap."""
    ended = await stack.finished(operation["id"], within=240)
    assert ended["state"] == "succeeded", ended
    server = await stack.server(operation["server_id"])
    assert server["phase"] == "running"
    assert len(await stack.vms()) == 1
    await eventually(lambda: _is_complete(stack, operation["id"]), within=60)
    return ended


async def _is_complete(stack: Stack, operation: str) -> bool:
    lines = await stack.log(operation)
    sequences = [line["sequence"] for line in lines]
    assert sequences == list(range(1, len(lines) + 1))
    assert len({(line["writer"], line["time"], line["text"]) for line in lines}) == len(lines)
    return {line["step"] for line in lines} >= {"clone", "address", "playbook", "ready"}


@pytest.mark.parametrize("step", ["reserve", "clone", "start", "address"])
async def test_vm_service_killed_in_mid_deployment(stack: Stack, step: str) -> None:
    operation = await stack.deploy()
    await stack.at_step(operation["id"], step)

    stack.kill("vm-service")

    await ends_well(stack, operation)
    clones = [t for t in await stack.lab("GET", "/lab/tasks") if t["type"] == "qmclone"]
    assert len([t for t in clones if t.get("exitstatus", "OK") == "OK"]) == 1


async def test_provisioner_killed_in_mid_playbook(stack: Stack) -> None:
    assert stack.process is not None
    operation = await stack.deploy()
    await stack.at_step(operation["id"], "playbook")
    most = 0
    over = asyncio.Event()

    async def count_playbooks() -> None:
        nonlocal most
        while not over.is_set():
            assert stack.process is not None
            # The strategy forks workers: count those whose parent is not a playbook itself.
            running = playbooks(under=stack.process.pid)
            most = max(most, len(_roots(running)))
            await asyncio.sleep(0.05)

    counting = asyncio.ensure_future(count_playbooks())
    await eventually(lambda: _runs_playbook(stack), within=100, every=0.02)
    stack.kill("provisioner")
    await ends_well(stack, operation)
    over.set()
    await counting

    assert most == 1


async def _runs_playbook(stack: Stack) -> bool:
    assert stack.process is not None
    return bool(playbooks(under=stack.process.pid))


def _roots(pids: list[int]) -> list[int]:
    """Return the pids whose parents are not among them, by sessions of the process table."""
    parents: dict[int, int] = {}
    for pid in pids:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[pid] = int(stat[1])
    return [pid for pid, parent in parents.items() if parent not in parents]


@pytest.mark.parametrize("service", ["gateway", "log-service"])
async def test_the_others_killed_in_mid_deployment(stack: Stack, service: str) -> None:
    operation = await stack.deploy()
    await stack.at_step(operation["id"], "address")

    stack.kill(service)
    await stack.ready(service)

    await ends_well(stack, operation)


async def test_the_bus_killed_and_restarted_in_mid_deployment(stack: Stack) -> None:
    operation = await stack.deploy()
    await stack.at_step(operation["id"], "clone")

    stack.kill("nats")

    await ends_well(stack, operation)


async def test_the_bus_may_lose_everything_it_holds(stack: Stack) -> None:
    operation = await stack.deploy()
    await stack.at_step(operation["id"], "clone")

    store = stack.data / "nats" / "store"
    stack.kill("nats")
    store.rename(store.with_name("lost"))  # whole and at once: it is started again very soon

    ended = await stack.finished(operation["id"], within=240)
    assert ended["state"] == "succeeded", ended
    assert len(await stack.vms()) == 1


async def test_the_power_goes_and_comes_back(stack: Stack) -> None:
    operation = await stack.deploy()
    await stack.at_step(operation["id"], "address")

    await stack.kill_everything()
    await stack.start()

    await ends_well(stack, operation)


async def test_nothing_is_left_running_when_the_supervisor_ends(stack: Stack) -> None:
    assert stack.process is not None
    operation = await stack.deploy()
    await stack.at_step(operation["id"], "playbook")
    mark = str(stack.data)
    began = time.monotonic()

    await stack.stop()

    assert time.monotonic() - began < 40
    assert processes(mark, under=1) == []
