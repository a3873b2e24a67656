"""Events sent again to a real receiver: one, all that failed, a range; always under the same id."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.inbox import WEBHOOKS, deploy_several, inbox, subscribe, told
from tests.integration.gateway.process import Gateway, logged_in, reaches, services, until, willing
from tests.servers import NatsServer
from tests.unit.gateway.receiver import FINE, answer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture
def more_settings() -> Mapping[str, str]:
    return WEBHOOKS | {"SPAWNYARD_WEBHOOK_RETRY_WAITS": "0.2, 0.2"}


async def replay(client: httpx.AsyncClient, webhook: dict[str, Any], **what: Any) -> dict[str, Any]:
    sent = await client.post(f"{webhook['path']}/replay", json=what)
    assert sent.status_code == 202, sent.text
    return sent.json()


async def states(client: httpx.AsyncClient, webhook: dict[str, Any]) -> set[str]:
    found = await client.get(f"{webhook['path']}/deliveries", params={"limit": 200})
    return {each["state"] for each in found.json()["items"]}


async def test_f67_one_event_is_sent_again_whether_it_has_arrived_or_is_pending(
    gateway: Gateway,
) -> None:
    async with inbox() as box, logged_in(gateway) as client:
        box.says = lambda post: FINE if post.path == "/up" else answer("503 No", "Retry-After: 2")
        up = await subscribe(client, box.url("/up"))
        down = await subscribe(client, box.url("/down"))
        await until(lambda: box.has(1, "/up"))
        await until(lambda: box.has(1, "/down"))

        for webhook, path in ((up, "/up"), (down, "/down")):
            await replay(client, webhook, event_id=box.at(path)[0].id)
        await until(lambda: box.has(2, "/up"))
        await until(lambda: box.has(4, "/down"))  # three were all, had it not been asked for again

    assert list(box.times("/up").values()) == [2]
    assert list(box.times("/down").values()) == [4]
    assert [post.attempt for post in box.at("/down")] == [1, 2, 3, 4]
    box.assert_signed(up["secret"], "/up")
    box.assert_signed(down["secret"], "/down")


async def test_f67_what_failed_is_sent_again_and_what_was_never_sent_too(
    gateway: Gateway, nats_server: NatsServer
) -> None:
    is_up = False
    async with inbox() as box, logged_in(gateway) as client, services(nats_server, willing):
        box.says = lambda _: FINE if is_up else answer("500 No")
        failing = await subscribe(client, box.url("/failing"), types=["operation.*", "server.*"])
        [deployed] = await deploy_several(client, 1)
        await reaches(client, deployed["links"]["self"], state="succeeded")
        events = await told(client, server_id=deployed["server_id"])
        await until(lambda: box.has(3 * len(events) + 3, "/failing"))
        await until(lambda: _equal(states(client, failing), {"failed"}))

        is_up = True
        again = await replay(client, failing, failed_since=events[0]["time"])
        late = await subscribe(client, box.url("/late"))
        whole = await replay(client, late, after=0)
        ids = {event["id"] for event in events}
        await until(lambda: box.has_all(ids, "/late"))
        await until(lambda: _equal(states(client, failing), {"succeeded"}))

    assert again["count"] >= len(events)
    assert whole["complete"]
    assert whole["count"] >= len(events)
    everything = list(range(1, len(events) + 1))
    assert box.sequences("/late")[deployed["server_id"]] == everything
    assert {box.times("/failing")[each] for each in ids} == {4}
    box.assert_signed(failing["secret"], "/failing")
    box.assert_signed(late["secret"], "/late")


async def _equal(found: Any, wanted: set[str]) -> bool:
    return await found == wanted
