"""Webhooks of the whole product: they tell a server's life in order, and nobody's secrets."""

import asyncio
import json
import sys
from typing import Any

import pytest

from tests.conftest import free_port
from tests.e2e.test_secrets import holding
from tests.inbox import Inbox, inbox
from tests.stack import ROOT, Stack, eventually
from tests.unit.gateway.receiver import FINE, answer

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]

SETTING, HEADER, PATH = "canary-70a1-setting", "canary-70a1-header", "/canary-70a1-path"
OPEN = "canary-70a1-open"


async def subscribe(stack: Stack, url: str, **more: Any) -> dict[str, Any]:
    answer = await stack.call("POST", "/v1/webhooks", json={"name": "inbox", "url": url, **more})
    assert answer.status_code == 201, answer.text
    return answer.json() | {"path": f"/v1/webhooks/{answer.json()['id']}"}


async def read(stack: Stack, path: str, **params: Any) -> Any:
    answer = await stack.call("GET", path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def lives(stack: Stack, **options: Any) -> str:
    """Deploy a server and remove it; return its id."""
    deployed = await stack.deploy("teeworlds", **options)
    ended = await stack.finished(deployed["id"])
    removed = (await stack.call("DELETE", deployed["links"]["server"])).json()
    gone = await stack.finished(removed["id"])
    assert (ended["state"], gone["state"]) == ("succeeded", "succeeded"), (ended, gone)
    return deployed["server_id"]


async def test_a_server_s_whole_life_arrives_in_order_and_yard_lists_the_same(stack: Stack) -> None:
    async with inbox() as box:
        webhook = await subscribe(stack, box.url(), in_order=True)
        server = await lives(stack)

        async def has_all() -> bool:
            told = await read(stack, "/v1/events", server_id=server, limit=200)
            ids = [item["event"]["id"] for item in told["items"]]
            return of(box, server)[-1:] == ids[-1:]

        await eventually(has_all, within=60)
        listed = await events_by_yard(stack, server)
        await stack.call("DELETE", webhook["path"])

    types = [post.event["type"] for post in box.at() if post.event["subject"] == server]
    assert of(box, server) == listed
    assert box.sequences()[server] == list(range(1, len(listed) + 1))
    assert types[0] == "operation.accepted"
    assert types[-1] == "operation.succeeded"
    story = [each for each in types if each.startswith("server.")]
    assert story == ["server.provisioning", "server.ready", "server.deleting", "server.deleted"]
    box.assert_signed(webhook["secret"])


def of(box: Inbox, server: str) -> list[str]:
    """Return the ids of a server's events, as they came."""
    return [post.id for post in box.at() if post.event["subject"] == server]


async def events_by_yard(stack: Stack, server: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "yard_cli", "events", "--server", server, "--last", "200", "--json",
        "--data", str(stack.data), cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return [json.loads(line)["event"]["id"] for line in printed.splitlines()]


async def test_f70_no_secret_is_in_an_event_an_attempt_an_example_or_a_log(stack: Stack) -> None:
    token = json.loads((stack.data / "lab/token.json").read_text())["secret"]
    async with inbox() as box:
        box.says = lambda post: answer("500 No") if post.attempt == 1 else FINE
        nobody = f"127.0.0.1:{free_port()}{PATH}"
        hooks = [
            await subscribe(stack, url, headers={"X-Key": HEADER})
            for url in (box.url(PATH), f"http://{nobody}", f"https://{nobody}")
        ]
        await lives(stack, settings={"password": SETTING, "motd": OPEN}, name=OPEN)
        types = {each["type"] for each in await read(stack, "/v1/event-types")} - {"webhook.ping"}
        for each in types:
            sent = await stack.call("POST", f"{hooks[0]['path']}/example", json={"type": each})
            assert sent.status_code == 202, sent.text
        await eventually(lambda: has_all(box, types), within=60)
        shown = [
            await read(stack, path, limit=200)
            for path in (
                "/v1/events", "/v1/webhooks",
                *(f"{hook['path']}/attempts" for hook in hooks),
                *(f"{hook['path']}/deliveries" for hook in hooks),
            )
        ]  # fmt: skip

    canaries = [SETTING, HEADER, token, stack.token, *(hook["secret"] for hook in hooks)]
    told = [*(post.body.decode() for post in box.posts), *map(json.dumps, shown)]
    assert {post.headers["x-key"] for post in box.posts} == {HEADER}
    assert any(OPEN in text for text in told)
    assert [c for c in canaries for text in told if c in text] == []
    assert not any(PATH in post.body.decode() for post in box.posts)
    where = {canary: rooms(stack, canary) for canary in (*canaries, PATH, OPEN)}
    kept = {SETTING: {"lab"}, token: {"lab"}, PATH: {"databases"}}
    for canary, found in where.items():
        if canary != OPEN:
            assert found <= kept.get(canary, set()), canary
    assert {"databases", "nats", "lab"} <= where[OPEN]


async def has_all(box: Inbox, types: set[str]) -> bool:
    """Each came twice: once as an example that was refused at first."""
    arrived = [post.event for post in box.at(PATH) if post.attempt > 1]
    return {event["type"] for event in arrived if event.get("example")} >= types


def rooms(stack: Stack, text: str) -> set[str]:
    return {path.parts[0] for path in holding(stack.data, text)}
