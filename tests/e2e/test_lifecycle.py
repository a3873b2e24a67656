"""The main job, end to end, through the doors its users have."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import websockets

from tests.stack import Stack, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]

DEPLOY_STEPS = [
    *("reserve", "clone", "configure", "resize", "start", "address"),
    *("ssh", "resolve", "playbook", "ready"),
]


async def watch(stack: Stack, operation: str, *, after: int = 0) -> list[dict[str, Any]]:
    """Follow an operation's log by WebSocket until its end."""
    ticket = (await stack.call("POST", f"/v1/operations/{operation}/log-tickets")).json()
    lines: list[dict[str, Any]] = []
    async with websockets.connect(ticket["stream_url"], proxy=None) as socket:
        greeting = {"type": "auth", "ticket": ticket["ticket"], "after": after}
        await socket.send(json.dumps(greeting))
        async for frame in socket:
            message = json.loads(frame)
            if message["type"] == "end":
                break
            lines += message["lines"]
    return lines


async def test_a_deployment_is_watched_from_request_to_running_server(stack: Stack) -> None:
    operation = await stack.deploy("teeworlds", name="arena", settings={})
    early, late = await asyncio.gather(
        watch(stack, operation["id"]), stack.finished(operation["id"])
    )

    assert late["state"] == "succeeded", late
    assert [step["name"] for step in late["steps"]] == DEPLOY_STEPS
    assert {step["state"] for step in late["steps"]} == {"succeeded"}
    assert late["progress"] == 1
    server = await stack.server(operation["server_id"])
    assert server["phase"] == "running"
    assert server["host"] in server["connect"]

    async def is_counted() -> bool:
        shown = await stack.server(operation["server_id"])
        return (shown["players"], shown["max_players"]) == (0, 16)

    await eventually(is_counted, within=60, every=1)
    history = await stack.log(operation["id"])
    assert early == history
    assert [line["sequence"] for line in history] == list(range(1, len(history) + 1))
    assert {line["step"] for line in history} >= set(DEPLOY_STEPS)
    resumed = await watch(stack, operation["id"], after=5)
    assert resumed == history[5:]


async def test_lines_are_seen_while_it_happens_not_afterwards(stack: Stack) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    operation = await stack.deploy("teeworlds")
    ticket = (await stack.call("POST", f"/v1/operations/{operation['id']}/log-tickets")).json()
    delays: list[float] = []
    async with websockets.connect(ticket["stream_url"], proxy=None) as socket:
        await socket.send(json.dumps({"type": "auth", "ticket": ticket["ticket"], "after": 0}))
        joined = loop.time()
        async for frame in socket:
            message = json.loads(frame)
            if message["type"] == "end":
                break
            if loop.time() - joined > 1:  # what happened while we watched
                delays += [_age(line["time"]) for line in message["lines"]]

    whole = loop.time() - began
    assert len(delays) > 10
    assert sorted(delays)[len(delays) // 2] < whole / 5  # usually some hundredths of a second


def _age(time: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()


async def test_a_deleted_server_leaves_no_vm(stack: Stack) -> None:
    operation = await stack.deploy("teeworlds")
    await stack.finished(operation["id"])
    server = operation["server_id"]

    removal = await stack.call("DELETE", f"/v1/servers/{server}")
    assert removal.status_code == 202, removal.text
    ended = await stack.finished(removal.json()["id"])

    assert ended["state"] == "succeeded"
    assert (await stack.server(server))["phase"] == "deleted"
    vmids = {vm["vmid"] for vm in await stack.vms()}
    running = await stack.call("GET", "/v1/servers?limit=100")
    alive = [s for s in running.json()["items"] if s["phase"] == "running"]
    assert len(vmids) == len(alive)


@pytest.mark.parametrize("step", ["clone", "address", "playbook"])
async def test_cancelled_anywhere_the_vm_is_gone(stack: Stack, step: str) -> None:
    before = {vm["vmid"] for vm in await stack.vms()}
    operation = await stack.deploy("teeworlds")
    await stack.at_step(operation["id"], step)

    answer = await stack.call("POST", f"/v1/operations/{operation['id']}/cancel")
    assert answer.status_code == 202, answer.text
    ended = await stack.finished(operation["id"])

    assert ended["state"] == "cancelled"
    assert {vm["vmid"] for vm in await stack.vms()} == before
    again = await stack.call("POST", f"/v1/operations/{operation['id']}/cancel")
    assert again.status_code == 409


async def test_a_failure_names_step_reason_and_remedy_and_leaves_no_vm(stack: Stack) -> None:
    before = {vm["vmid"] for vm in await stack.vms()}
    # Minecraft's jar cannot be fetched: the mirror it is pointed at answers nothing.
    operation = await stack.deploy("minecraft-java", settings={"eula": True})
    ended = await stack.finished(operation["id"], within=120)

    assert ended["state"] == "failed"
    assert ended["error"]["step"] == "playbook"
    assert ended["error"]["detail"]
    assert ended["error"]["remedy"]
    assert (await stack.server(operation["server_id"]))["phase"] == "failed"
    assert {vm["vmid"] for vm in await stack.vms()} == before


async def test_asking_twice_with_one_key_is_asking_once(stack: Stack) -> None:
    key = {"Idempotency-Key": "click-0001"}
    body = {"game": "teeworlds", "name": "twice"}
    answers = await asyncio.gather(
        *(stack.call("POST", "/v1/deployments", json=body, headers=key) for _ in range(5))
    )
    other = await stack.call("POST", "/v1/deployments", json=body | {"name": "other"}, headers=key)

    assert {answer.status_code for answer in answers} <= {202, 409}
    ids = {answer.json()["id"] for answer in answers if answer.status_code == 202}
    assert len(ids) == 1
    assert other.status_code == 422
    await stack.finished(ids.pop())


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"game": "teeworlds", "settings": {"max_clients": "many"}}, "/settings/max_clients"),
        ({"game": "teeworlds", "settings": {"colour": "blue"}}, "/settings"),
        ({"game": "no-such-game"}, "/game"),
        ({"game": "teeworlds", "plan": "enormous"}, "/plan"),
        ({"game": "teeworlds", "name": "Not A Name"}, "/name"),
        ({}, "/game"),
    ],
)
async def test_bad_input_is_refused_with_the_field_named(
    stack: Stack, body: dict[str, Any], pointer: str
) -> None:
    answer = await stack.call("POST", "/v1/deployments", json=body)

    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert any(error["pointer"].startswith(pointer) for error in answer.json()["errors"])


async def test_without_a_token_nothing_is_told(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url("gateway"), trust_env=False) as client:
        for path in ("/v1/servers", "/v1/operations", "/v1/servers/srv_x", "/v1/me"):
            assert (await client.get(path)).status_code == 401


async def test_every_service_tells_its_health(stack: Stack) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for service in ("gateway", "vm-service", "provisioner", "log-service"):
            ready = (await client.get(f"{stack.url(service)}/readyz")).json()
            assert ready["status"] == "ok", ready
            metrics = (await client.get(f"{stack.url(service)}/metrics")).text
            assert "process_resident_memory_bytes" in metrics
    await eventually(lambda: _idle(stack), within=60)


async def _idle(stack: Stack) -> bool:
    listed = (await stack.call("GET", "/v1/operations?limit=100")).json()["items"]
    return all(o["state"] in ("succeeded", "failed", "cancelled") for o in listed)
