"""Kill -9 a service in the middle of a change: it ends as if nothing had been, on the one VM."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.stack import Stack, eventually, running_stack

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Stack]:
    async with running_stack(Stack(tmp_path_factory.mktemp("yard"))) as stack:
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(stack: Stack) -> str:
    operation = await stack.deploy("luanti", name="world")
    ended = await stack.finished(operation["id"])
    assert ended["state"] == "succeeded", ended
    return operation["server_id"]


async def begin(stack: Stack, server: str, verb: str, body: Any = None) -> dict[str, Any]:
    """Have a change accepted, from a running server."""
    path = f"/v1/servers/{server}"
    if (await stack.server(server))["phase"] != "running":
        start = (await stack.call("POST", f"{path}/start")).json()
        assert (await stack.finished(start["id"]))["state"] == "succeeded"
    method, path = ("PATCH", path) if verb == "change" else ("POST", f"{path}/{verb}")
    options: Any = {} if body is None else {"json": body}
    answer = await stack.call(method, path, **options)
    assert answer.status_code == 202, answer.text
    return answer.json()


@dataclass(frozen=True)
class Cut:
    """A change, where it is cut, what is killed there, and how the server ends up."""

    verb: str
    step: str
    service: str
    phase: str = "running"
    body: Any = None


CUTS = [
    Cut("stop", "shutdown", "vm-service", phase="stopped"),
    Cut("restart", "address", "vm-service"),
    Cut("restart", "reboot", "gateway"),
    Cut("change", "playbook", "provisioner", body={"settings": {"motd": "Mended"}}),
    Cut("change", "reboot", "vm-service", body={"plan": "large"}),
]


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: f"{cut.verb}-{cut.step}-{cut.service}")
async def test_a_change_is_gone_on_with(stack: Stack, server: str, cut: Cut) -> None:
    operation = await begin(stack, server, cut.verb, cut.body)
    await stack.at_step(operation["id"], cut.step)

    stack.kill(cut.service)
    await stack.ready(cut.service)

    ended = await stack.finished(operation["id"], within=240)
    assert ended["state"] == "succeeded", ended
    assert (await stack.server(server))["phase"] == cut.phase
    assert [vm["running"] for vm in await stack.vms()] == [cut.phase == "running"]
    await eventually(lambda: _is_whole(stack, operation["id"]), within=60)


async def _is_whole(stack: Stack, operation: str) -> bool:
    """Each line of the log is there once, in order, and the last one tells the end."""
    lines = await stack.log(operation)
    assert [line["sequence"] for line in lines] == list(range(1, len(lines) + 1))
    assert len({(line["writer"], line["time"], line["text"]) for line in lines}) == len(lines)
    return lines[-1]["writer"] == "gateway"


async def test_a_change_called_off_while_its_workers_are_dead_is_called_off(
    stack: Stack, server: str
) -> None:
    operation = await begin(stack, server, "restart")
    await stack.at_step(operation["id"], "reboot")

    stack.kill("vm-service")
    stack.kill("provisioner")
    answer = await stack.call("POST", f"/v1/operations/{operation['id']}/cancel")
    assert answer.status_code == 202, answer.text

    ended = await stack.finished(operation["id"], within=240)
    assert ended["state"] == "cancelled", ended
    (vm,) = await stack.vms()
    assert (await stack.server(server))["phase"] == ("running" if vm["running"] else "stopped")
