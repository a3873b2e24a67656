"""A server that is there is started, stopped and changed, through the doors its users have."""

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.stack import ROOT, Stack, eventually, playbooks

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]

NEW_KEYS = "the guest has new host keys"
CONFIG = "/etc/luanti/default.conf"


@dataclass(frozen=True)
class Home:
    """One server and its VM, as the API and the lab show them."""

    stack: Stack
    id: str
    vmid: int

    async def ask(self, verb: str, body: Any = None, *, method: str = "POST") -> dict[str, Any]:
        """Have a request accepted; return its operation."""
        options: Any = {} if body is None else {"json": body}
        path = f"/v1/servers/{self.id}" + (f"/{verb}" if verb else "")
        answer = await self.stack.call(method, path, **options)
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def do(self, verb: str, body: Any = None, *, method: str = "POST") -> dict[str, Any]:
        """Ask, wait for the end, which is a good one; return the operation."""
        asked = await self.ask(verb, body, method=method)
        ended = await self.stack.finished(asked["id"])
        assert ended["state"] == "succeeded", ended
        return ended

    async def alter(self, **wanted: Any) -> dict[str, Any]:
        return await self.do("", wanted, method="PATCH")

    async def refused(self, verb: str) -> dict[str, Any]:
        answer = await self.stack.call("POST", f"/v1/servers/{self.id}/{verb}")
        assert answer.status_code == 409, answer.text
        return answer.json()

    async def phase(self) -> str:
        return (await self.stack.server(self.id))["phase"]

    async def vm(self) -> dict[str, Any]:
        (found,) = [vm for vm in await self.stack.vms() if vm["vmid"] == self.vmid]
        return found

    async def config(self) -> str:
        guest = await self.stack.lab("GET", f"/lab/vms/{self.vmid}/guest")
        return guest["files"][CONFIG]["content"]


async def told(stack: Stack, operation: dict[str, Any], text: str) -> None:
    """The operation's log says so; it need not be the last line: a play may still be ending."""

    async def is_there() -> bool:
        return any(line["text"].startswith(text) for line in await stack.log(operation["id"]))

    await eventually(is_there, within=60)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(stack: Stack) -> Home:
    """One server for all tests that leave it where it is."""
    return await home(stack, "world")


@pytest_asyncio.fixture(loop_scope="module")
async def mine(shared: Home) -> Home:
    """The same, running, whatever was done to it before."""
    if await shared.phase() != "running":
        await shared.do("start")
    return shared


async def home(stack: Stack, name: str) -> Home:
    """Deploy a server of a name of its own."""
    before = {vm["vmid"] for vm in await stack.vms()}
    operation = await stack.deploy("luanti", name=name, settings={"motd": "First"})
    ended = await stack.finished(operation["id"])
    assert ended["state"] == "succeeded", ended
    (vmid,) = {vm["vmid"] for vm in await stack.vms()} - before
    return Home(stack=stack, id=operation["server_id"], vmid=vmid)


def states(operation: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["state"] for step in operation["steps"]}


def detail(operation: dict[str, Any], step: str) -> str:
    (found,) = [one["detail"] for one in operation["steps"] if one["name"] == step]
    return found or ""


async def test_a_server_is_stopped_started_killed_and_deleted(stack: Stack) -> None:
    mine = await home(stack, "short-lived")

    stopped = await mine.do("stop")
    assert list(states(stopped)) == ["shutdown"]
    assert (await mine.phase(), (await mine.vm())["running"]) == ("stopped", False)
    already = "It is off already: there is nothing to do."
    for verb, remedy in {"stop": already, "restart": "Start it first.", "kill": already}.items():
        problem = await mine.refused(verb)
        assert (problem["code"], problem["remedy"]) == ("phase_forbids", remedy)

    started = await mine.do("start")
    assert "nothing has changed" in detail(started, "playbook")
    assert (await mine.phase(), (await mine.vm())["running"]) == ("running", True)
    assert (await mine.refused("start"))["code"] == "phase_forbids"

    await mine.do("restart")
    forced = await mine.do("restart", {"force": True})
    assert set(states(forced).values()) <= {"succeeded", "skipped"}

    await mine.do("kill")
    assert (await mine.phase(), (await mine.vm())["running"]) == ("stopped", False)
    await mine.do("", method="DELETE")
    assert await mine.phase() == "deleted"
    assert mine.vmid not in {vm["vmid"] for vm in await stack.vms()}


async def test_a_server_takes_on_another_shape_running_or_not(stack: Stack, mine: Home) -> None:
    changed = await mine.alter(settings={"motd": "Second"}, name="earth")
    assert (changed["kind"], states(changed)["playbook"]) == ("reconfigure", "succeeded")
    assert "motd = Second" in await mine.config()
    server = await stack.server(mine.id)
    assert (server["name"], server["settings"]["motd"]) == ("earth", "Second")

    grown = await mine.alter(plan="large")
    vm = await mine.vm()
    assert (grown["kind"], await mine.phase()) == ("resize", "running")
    assert (vm["cores"], vm["running"]) == (4, True)
    await told(stack, grown, NEW_KEYS)  # another name is another instance to cloud-init
    assert (await stack.server(mine.id))["plan"] == "large"
    smaller = await stack.call("PATCH", f"/v1/servers/{mine.id}", json={"plan": "small"})
    assert (smaller.status_code, smaller.json()["code"]) == (422, "disk_cannot_shrink")

    await mine.do("stop")
    off = await mine.alter(settings={"motd": "Third"}, name="world")
    assert (list(states(off)), await mine.phase()) == (["configure"], "stopped")
    again = await mine.do("start")
    await told(stack, again, NEW_KEYS)
    assert "nothing has changed" not in detail(again, "playbook"), "it had, while it was off"
    assert "motd = Third" in await mine.config()


async def test_a_start_is_called_off_and_the_server_goes_on(stack: Stack) -> None:
    mine = await home(stack, "halted")
    await mine.do("stop")

    fault = {"preset": "agent-silent", "machine": mine.vmid}  # so that it is not over too soon
    silence = await stack.lab("POST", "/lab/faults", json=fault)

    start = await mine.ask("start")
    await stack.at_step(start["id"], "address")
    answer = await stack.call("POST", f"/v1/operations/{start['id']}/cancel")
    assert answer.status_code == 202, answer.text
    ended = await stack.finished(start["id"])

    assert ended["state"] == "cancelled"
    assert (await mine.phase(), (await mine.vm())["running"]) == ("running", True)
    await told(stack, start, "Cancelled.")
    await stack.lab("DELETE", f"/lab/faults/{silence['id']}")
    await mine.do("restart")
    assert await mine.phase() == "running"


async def test_a_kill_does_not_wait_for_a_guest_that_will_not_stop(stack: Stack) -> None:
    mine = await home(stack, "deaf")
    fault = await stack.lab(
        "POST", "/lab/faults", json={"preset": "ignores-shutdown", "machine": mine.vmid}
    )

    stop = await mine.ask("stop")
    await stack.at_step(stop["id"], "shutdown")
    busy = await mine.refused("restart")
    kill = await mine.do("kill")
    overtaken = await stack.operation(stop["id"])

    assert (busy["code"], "kill the server" in busy["remedy"]) == ("server_busy", True)
    assert overtaken["state"] == "cancelled"
    await told(stack, stop, f"Cancelled: overtaken by {kill['id']}.")
    assert (await mine.phase(), (await mine.vm())["running"]) == ("stopped", False)
    await stack.lab("DELETE", f"/lab/faults/{fault['id']}")
    await mine.do("start")


async def test_a_kill_ends_the_playbook_it_overtakes(stack: Stack, mine: Home) -> None:
    assert stack.process is not None
    pid = stack.process.pid
    change = await mine.ask("", {"settings": {"motd": "Never"}}, method="PATCH")
    await stack.at_step(change["id"], "playbook")

    kill = await mine.do("kill")

    async def is_quiet() -> bool:
        return not playbooks(under=pid)

    await eventually(is_quiet, within=60)
    server = await stack.server(mine.id)
    assert (await stack.operation(change["id"]))["state"] == "cancelled"
    assert (server["phase"], server["settings"]["motd"] != "Never") == ("stopped", True)
    await told(stack, change, f"Cancelled: overtaken by {kill['id']}.")
    await mine.do("start")
    assert "motd = Never" not in await mine.config(), "the server is wanted as it was"


async def test_of_many_who_ask_at_once_one_is_served(stack: Stack, mine: Home) -> None:
    answers = await asyncio.gather(
        *(stack.call("POST", f"/v1/servers/{mine.id}/{verb}") for verb in ("stop", "restart") * 3)
    )

    assert sorted(answer.status_code for answer in answers) == [202, *[409] * 5]
    (accepted,) = [answer.json() for answer in answers if answer.status_code == 202]
    assert (await stack.finished(accepted["id"]))["state"] == "succeeded"
    assert await mine.phase() == ("stopped" if accepted["kind"] == "stop" else "running")


async def yard(stack: Stack, *arguments: str, stdin: bytes = b"") -> tuple[int, str]:
    """Run the command line against the stack; return its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "yard_cli", *arguments, "--data", str(stack.data),
        cwd=ROOT, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, told = await process.communicate(stdin)
    assert process.returncode is not None
    return process.returncode, printed.decode() + told.decode()


async def test_the_command_line_has_a_verb_for_each(stack: Stack, mine: Home) -> None:
    secret = await yard(stack, "set", "-f", "world", "--set-file", "password=-", stdin=b"geheim\n")
    stop = await yard(stack, "stop", "-f", "world")
    listed = await yard(stack, "servers")
    wrong = await yard(stack, "restart", "world")
    start = await yard(stack, "start", "-f", "world", "--json")

    assert [one[0] for one in (secret, stop, listed, wrong, start)] == [0, 0, 0, 1, 0], secret
    assert "geheim" not in secret[1]
    assert "stop succeeded" in stop[1]
    assert "stopped" in listed[1]
    assert "remedy: Start it first." in wrong[1]
    result = json.loads(start[1].splitlines()[0])
    assert result["server"]["phase"] == "running"
    assert result["server"]["settings"]["password"] == "[masked]"
    assert "geheim" in await mine.config()
