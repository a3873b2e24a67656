"""The live stream of events, over HTTP, from a gateway that is killed and told to leave."""

import asyncio
import json
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from gateway.handlers.public_events import SEATS
from tests.integration.gateway.process import Gateway, logged_in, reaches, services, until, willing
from tests.servers import NatsServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


async def told(client: httpx.AsyncClient, **headers: str) -> AsyncGenerator[dict[str, Any]]:
    """Read a stream: each event with its id."""
    async with client.stream("GET", "/v1/events/stream", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        event: dict[str, Any] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if name in {"id", "event", "data"}:
                event[name] = json.loads(value) if name == "data" else value
            elif not line and event:
                yield event
                event = {}


async def test_one_who_comes_back_misses_nothing_and_hears_nothing_twice(
    gateway: Gateway, nats_server: NatsServer
) -> None:
    heard: list[dict[str, Any]] = []

    async def follow(client: httpx.AsyncClient) -> None:
        """As a browser does: come back for as long as it takes."""
        while True:
            last = {"Last-Event-ID": heard[-1]["id"] if heard else "0"}
            try:
                async for event in told(client, **last):
                    heard.append(event)  # noqa: PERF401  each counts as soon as it is heard
            except httpx.TransportError:
                await asyncio.sleep(0.1)

    async def has_heard(type: str, times: int) -> bool:
        return sum(event["event"] == type for event in heard) == times

    async with logged_in(gateway) as client, services(nats_server, willing):
        following = asyncio.create_task(follow(client))
        first = (await client.post("/v1/deployments", json={"game": "blocks"})).json()
        await until(lambda: has_heard("operation.succeeded", 1))
        gateway.stop(signal.SIGKILL)
        await gateway.start()
        second = (await client.post("/v1/deployments", json={"game": "blocks"})).json()
        await until(lambda: has_heard("operation.succeeded", 2))
        following.cancel()
        listed = (await client.get("/v1/events?limit=200")).json()["items"]

    assert [int(event["id"]) for event in heard] == list(range(1, len(heard) + 1))
    assert [event["data"] for event in heard] == [item["event"] for item in listed]
    for operation in (first, second):
        of_one = [e["data"] for e in heard if e["data"]["subject"] == operation["server_id"]]
        assert [int(event["sequence"]) for event in of_one] == list(range(1, len(of_one) + 1))
        types = [event["type"] for event in of_one]
        assert types[0] == "operation.accepted"
        assert types.index("server.ready") < types.index("operation.succeeded")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_who_follows_does_not_keep_the_gateway_from_leaving(
    gateway: Gateway, nats_server: NatsServer
) -> None:
    async with logged_in(gateway) as client, services(nats_server, willing):
        deployed = (await client.post("/v1/deployments", json={"game": "blocks"})).json()
        await reaches(client, deployed["links"]["self"], state="succeeded")
        stream = told(client, **{"Last-Event-ID": "0"})
        await anext(stream)
        log_before = gateway.log.read_text()

        code = await asyncio.to_thread(gateway.stop)
        rest = [event async for event in stream]

    assert code == 0
    assert rest, "the answer came to a proper end"
    assert "Cancel" not in gateway.log.read_text().removeprefix(log_before)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_who_has_logged_out_hears_no_more(gateway: Gateway) -> None:
    async with logged_in(gateway) as client:
        stream = told(client)
        following = asyncio.create_task(anext(stream, None))
        await asyncio.sleep(0.5)
        assert not following.done()

        await client.post("/v1/auth/logout")

        assert await asyncio.wait_for(following, 60) is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_who_has_seen_what_is_not_there_any_more_hears_what_comes(
    gateway: Gateway, nats_server: NatsServer
) -> None:
    async with logged_in(gateway) as client, services(nats_server, willing):
        stream = told(client, **{"Last-Event-ID": "999999"})
        following = asyncio.create_task(anext(stream))
        await asyncio.sleep(0.5)
        await client.post("/v1/deployments", json={"game": "blocks"})

        assert (await asyncio.wait_for(following, 60))["event"] == "operation.accepted"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_one_user_cannot_take_all_the_places_there_are(gateway: Gateway) -> None:
    async with logged_in(gateway) as client, AsyncExitStack() as streams:

        async def status() -> int:
            opened = await streams.enter_async_context(client.stream("GET", "/v1/events/stream"))
            return opened.status_code

        assert {await status() for _ in range(SEATS)} == {200}
        refused = await client.get("/v1/events/stream")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
        assert (await client.get("/v1/events")).status_code == 200

        await streams.aclose()
        await until(lambda: is_open(status))


async def is_open(status: Callable[[], Awaitable[int]]) -> bool:
    return await status() == 200
