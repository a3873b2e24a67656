"""Webhooks of a real gateway, as a real receiver gets them."""

import asyncio
import time
from collections.abc import Mapping

import pytest

from tests.inbox import (
    WEBHOOKS,
    Post,
    deploy_several,
    hang,
    inbox,
    subscribe,
    told,
)
from tests.integration.gateway.process import Gateway, logged_in, reaches, services, until, willing
from tests.servers import NatsServer
from tests.signatures import verified
from tests.unit.gateway.receiver import FINE, Script, answer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture
def more_settings() -> Mapping[str, str]:
    return WEBHOOKS


async def test_f65_s84_every_event_of_a_server_s_life_arrives_signed_and_once(
    gateway: Gateway, nats_server: NatsServer
) -> None:
    began = int(time.time())
    async with inbox() as box, logged_in(gateway) as client, services(nats_server, willing):
        hmac = await subscribe(client, box.url("/hmac"), headers={"X-Way": "north"})
        public = await subscribe(client, box.url("/public"), scheme="v1a", in_order=True)
        few = await subscribe(client, box.url("/few"), types=["server.*"])
        [deployed] = await deploy_several(client, 1)
        await reaches(client, deployed["links"]["self"], state="succeeded")
        await client.delete(deployed["links"]["server"])
        await reaches(client, deployed["links"]["server"], phase="deleted")

        async def all_is_there() -> bool:
            events = await told(client, server_id=deployed["server_id"])
            ids = {event["id"] for event in events}
            return (
                events[-1]["type"] == "operation.succeeded"
                and ids <= box.times("/hmac").keys() & box.times("/public").keys()
                and "server.deleted" in {post.event["type"] for post in box.at("/few")}
            )

        await until(all_is_there)
        events = await told(client, server_id=deployed["server_id"])

    server = deployed["server_id"]
    assert box.sequences("/hmac")[server] == list(range(1, len(events) + 1))
    assert [p.event for p in box.at("/public") if p.event["subject"] == server] == events
    assert {post.event["type"].partition(".")[0] for post in box.at("/few")} == {
        "server",
        "webhook",
    }
    for webhook, path in ((hmac, "/hmac"), (public, "/public"), (few, "/few")):
        box.assert_signed(webhook["secret"], path)
        assert set(box.times(path).values()) == {1}
    for post in box.posts:
        assert post.attempt == 1
        assert began <= int(post.headers["webhook-timestamp"]) <= int(time.time())
        assert post.headers.get("x-way") == ("north" if post.path == "/hmac" else None)


async def test_f63_many_that_hang_keep_one_that_does_not_waiting_for_nothing(
    gateway: Gateway, nats_server: NatsServer
) -> None:
    def says(post: Post) -> bytes | Script:
        is_there = post.path == "/quick" or post.event["type"] == "webhook.ping"
        return FINE if is_there else hang

    async with inbox() as box, logged_in(gateway) as client, services(nats_server, willing):
        box.says = says
        for _ in range(15):
            await subscribe(client, box.url("/hang"))
        await subscribe(client, box.url("/quick"))
        await until(lambda: box.has(16))
        [deployed] = await deploy_several(client, 1)
        await reaches(client, deployed["links"]["self"], state="succeeded")
        ids = {event["id"] for event in await told(client)}
        await until(lambda: box.has_all(ids, "/quick"))
        meanwhile = box.at("/hang")[15:]

    assert 0 < len(meanwhile) <= 30  # two at a time each, and none of them was over by then
    assert {post.attempt for post in meanwhile} == {1}


async def test_f64_a_secret_rotated_between_two_attempts_signs_the_second_beside_the_first(
    gateway: Gateway,
) -> None:
    async with inbox() as box, logged_in(gateway) as client:
        box.says = lambda _: answer("500 Internal Server Error")
        webhook = await subscribe(client, box.url())
        await until(lambda: box.has(1))
        rotated = (await client.post(f"{webhook['path']}/secret/rotate")).json()
        seen = len(box.posts)
        await until(lambda: box.has(seen + 2))  # one may have been signed before
        now_only = {"overlap_hours": 0}
        last = (await client.post(f"{webhook['path']}/secret/rotate", json=now_only)).json()
        box.says = lambda _: FINE
        await client.post(f"{webhook['path']}/ping")
        await until(lambda: box.has_told("webhook.ping", 2))

    by = [
        [verified(each["secret"], post.headers, post.body) for each in (webhook, rotated, last)]
        for post in (box.posts[0], box.posts[seen + 1], box.posts[-1])
    ]
    assert by == [[True, False, False], [True, True, False], [False, False, True]]
    assert {post.id for post in box.posts[: seen + 2]} == {box.posts[0].id}


async def test_f66_nothing_goes_to_an_endpoint_that_was_removed(
    gateway: Gateway, nats_server: NatsServer
) -> None:
    async with inbox() as box, logged_in(gateway) as client, services(nats_server, willing):
        box.says = lambda post: answer("500 No") if post.path == "/gone" else FINE
        gone = await subscribe(client, box.url("/gone"))
        await subscribe(client, box.url("/kept"))
        [first] = await deploy_several(client, 1)
        await until(lambda: box.has(4, "/gone"))

        await client.delete(gone["path"])
        under_way = len(box.at("/gone")) + 2  # as many as it bears at a time
        [second] = await deploy_several(client, 1)
        for deployed in (first, second):
            await reaches(client, deployed["links"]["self"], state="succeeded")
        await until(lambda: box.has_told("operation.succeeded", 2, "/kept"))
        await asyncio.sleep(3)

    assert len(box.at("/gone")) <= under_way
    assert second["server_id"] not in box.sequences("/gone")


async def test_a_gateway_told_to_leave_waits_for_no_receiver_that_hangs(gateway: Gateway) -> None:
    def says(post: Post):
        return hang if post.path == "/hang" and hanging else FINE

    hanging = True
    async with inbox() as box, logged_in(gateway) as client:
        box.says = says
        for _ in range(5):
            await subscribe(client, box.url("/hang"))
        await until(lambda: box.has(5, "/hang"))

        began = time.monotonic()
        assert gateway.stop() == 0
        took = time.monotonic() - began
        hanging = False
        heard = set(box.times("/hang"))
        await gateway.start()
        await until(lambda: box.has(10, "/hang"))

    assert took < 10
    assert set(box.times("/hang")) == heard
