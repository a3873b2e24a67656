"""Gateways that die in the midst of deliveries, alone and side by side: nothing is lost."""

import asyncio
import random
import signal
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.conftest import free_port
from tests.inbox import (
    WEBHOOKS,
    Inbox,
    Post,
    closing,
    deploy_several,
    inbox,
    subscribe,
    told,
)
from tests.integration.gateway.process import (
    Gateway,
    answers,
    logged_in,
    reaches,
    services,
    until,
    willing,
)
from tests.servers import NatsServer
from tests.unit.gateway.receiver import FINE, Script, answer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

IN_FLIGHT = 2
PATHS = ("/1", "/2", "/3", "/4", "/5")


@pytest.fixture
def more_settings() -> Mapping[str, str]:
    return WEBHOOKS


@pytest.fixture
async def other(gateway: Gateway, tmp_path: Path) -> AsyncGenerator[Gateway]:
    """A second copy, on the same database."""
    port = free_port()
    other = Gateway(
        environment=gateway.environment | {"SPAWNYARD_PORT": str(port)},
        port=port,
        log=tmp_path / "other.log",
    )
    await other.start()
    try:
        yield other
    finally:
        other.stop()


async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take it in, and a while to say so: whoever dies meanwhile does not know that it arrived."""
    await asyncio.sleep(0.1)
    writer.write(closing(FINE))
    await writer.drain()


async def arrived(client: httpx.AsyncClient, box: Inbox, deployed: list[dict[str, Any]]) -> None:
    """Wait until all operations have ended and everything told of them arrived everywhere."""
    for each in deployed:
        await reaches(client, each["links"]["self"], state="succeeded")

    async def everything() -> bool:
        ids = {event["id"] for event in await told(client)}
        return all([await box.has_all(ids, path) for path in {post.path for post in box.posts}])

    await until(everything)


def assert_whole(box: Inbox, events: list[dict[str, Any]], secrets: Mapping[str, str]) -> None:
    """Nothing is missing by its sequence, all is signed, and each is what was told."""
    by_id = {event["id"]: event for event in events}
    for post in box.posts:
        assert by_id.get(post.id, post.event) == post.event
    for path, secret in secrets.items():
        box.assert_signed(secret, path)
        for subject, numbers in box.sequences(path).items():
            assert numbers == list(range(1, len(numbers) + 1)), subject


@pytest.mark.parametrize("in_order", [False, True])
async def test_f68_killed_again_and_again_amid_deliveries_everything_arrives(
    gateway: Gateway, nats_server: NatsServer, in_order: bool
) -> None:
    chance = random.Random(f"f68 {in_order}")

    def says(post: Post) -> bytes | Script:
        return answer("500 Not now") if chance.random() < 0.2 else slow

    async with inbox() as box, logged_in(gateway) as client, services(nats_server, willing):
        box.says = says
        webhook = await subscribe(client, box.url(), in_order=in_order)
        deployed = await deploy_several(client, 6)
        kills = 3
        for _ in range(kills):
            seen = len(box.posts) + chance.randrange(2, 9)
            await until(lambda seen=seen: box.has(seen))
            await asyncio.sleep(chance.uniform(0, 0.12))
            gateway.stop(signal.SIGKILL)
            await gateway.start()
        await arrived(client, box, deployed)
        events = await told(client)

    assert_whole(box, events, {"/hook": webhook["secret"]})
    if in_order:
        assert box.first_arrivals() == box.sequences()
    again = [post for post in box.posts if post.attempt == 1]
    assert len(again) - len(box.times()) <= kills * (IN_FLIGHT + 20)  # not all over again


async def test_f68_asked_to_stop_amid_deliveries_a_gateway_sends_nothing_twice(
    gateway: Gateway, nats_server: NatsServer
) -> None:
    async with inbox() as box, logged_in(gateway) as client, services(nats_server, willing):
        box.says = lambda _: slow
        webhook = await subscribe(client, box.url())
        deployed = await deploy_several(client, 6)
        for _ in range(3):
            seen = len(box.posts) + 3
            await until(lambda seen=seen: box.has(seen))
            await asyncio.to_thread(gateway.stop)
            await gateway.start()
        await arrived(client, box, deployed)
        events = await told(client)

    assert_whole(box, events, {"/hook": webhook["secret"]})
    assert len(box.posts) == len(box.times())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_f68_two_copies_deliver_each_event_once_and_one_takes_over_from_the_other(
    gateway: Gateway, other: Gateway, nats_server: NatsServer
) -> None:
    async with (
        inbox() as box, logged_in(gateway) as client, logged_in(other) as second,
        services(nats_server, willing),
    ):  # fmt: skip
        box.says = lambda _: slow
        secrets = {  # several, so that each copy has some in hand
            path: (await subscribe(client, box.url(path)))["secret"] for path in PATHS
        }
        at_both = [*await deploy_several(client, 4), *await deploy_several(second, 4)]
        await arrived(client, box, at_both)
        await asyncio.sleep(1)
        once = {times for path in PATHS for times in box.times(path).values()}

        for copy, survivor in ((gateway, second), (other, client)):
            seen = len(box.posts) + 20
            more = await deploy_several(survivor, 4)
            await until(lambda seen=seen: box.has(seen))
            copy.stop(signal.SIGKILL)
            await arrived(survivor, box, more)
            await copy.start()
        events = await told(client)

    assert once == {1}
    assert_whole(box, events, secrets)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_f68_a_database_that_hangs_up_amid_deliveries_loses_none(
    gateway: Gateway, nats_server: NatsServer, database_url: str
) -> None:
    chance = random.Random("f68 database")
    address = database_url.replace("+asyncpg", "")
    async with inbox() as box, logged_in(gateway) as client, services(nats_server, willing):
        box.says = lambda _: slow
        webhook = await subscribe(client, box.url())
        deployed = await deploy_several(client, 12)
        for _ in range(5):
            seen = len(box.posts) + chance.randrange(2, 7)
            await until(lambda seen=seen: box.has(seen))
            await asyncio.sleep(chance.uniform(0, 0.15))
            await hang_up(address)
        await until(lambda: answers(client, "/readyz"))
        await arrived(client, box, deployed)
        events = await told(client)

        assert gateway.process is not None
        assert gateway.process.poll() is None

    assert_whole(box, events, {"/hook": webhook["secret"]})


async def hang_up(address: str) -> None:
    """Cut all connections to a database but this one."""
    admin = await asyncpg.connect(address)
    try:
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await admin.close()
