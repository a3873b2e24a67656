"""Webhooks at the door: set up, read, changed and removed by their owner alone."""

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from common.contracts.ids import new_id
from gateway.domain.user import Role, User
from gateway.handlers.webhook_creation import MOST
from tests.fakes.gateway import USER, FakeSeals
from tests.unit.gateway.door import OTHER, Door, open_door

PATH = "/v1/webhooks"
CANARY = "canary-7f3a"
GOOD: dict[str, Any] = {"name": "mine", "url": f"https://hooks.example/{CANARY}"}
HUMBLE = replace(USER, id="usr_9", name="Eve", role=Role.USER)


@pytest.fixture
async def door() -> AsyncGenerator[Door]:
    async with open_door() as door:
        yield door


async def create(door: Door, user: User = USER, **more: Any) -> httpx.Response:
    return await door.client.post(PATH, json=GOOD | more, headers=door.bearer(user))


async def patch(door: Door, made: httpx.Response, **change: Any) -> httpx.Response:
    headers = {**door.bearer(), "If-Match": "*"}
    return await door.client.patch(made.headers["Location"], json=change, headers=headers)


def pointers(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422
    assert answer.json()["remedy"]
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_what_was_created_is_what_is_read_but_for_the_secret(door: Door) -> None:
    wish: dict[str, Any] = {
        "types": ["server.*", "operation.failed"],
        "filter": {"data.server.labels.env": {"$in": ["prod"]}},
        "headers": {"Authorization": f"Bearer {CANARY}"},
        "rate": 5,
        "max_in_flight": 4,
        "in_order": True,
    }
    made = await create(door, **wish)
    read = await door.client.get(made.headers["Location"], headers=door.bearer())
    listed = await door.client.get(PATH, headers=door.bearer())

    created = made.json()
    assert made.status_code == 201
    assert created.pop("secret").startswith("whsec_")
    assert created == read.json() == listed.json()["items"][0]
    assert (read.headers["ETag"], created["revision"]) == ('"1"', 1)
    assert {name: created[name] for name in wish} == wish | {"headers": "set"}
    assert (created["scope"], created["enabled"], created["format"]) == ("mine", True, "standard")
    assert created["signing_keys"][0]["scheme"] == "v1"


async def test_a_ping_is_told_at_once_to_the_new_webhook_alone(door: Door) -> None:
    made = (await create(door)).json()
    await create(door, enabled=False)

    [event] = door.work.public_events.rows
    assert (event.type, event.only_for, event.subject_id) == (
        "webhook.ping",
        made["id"],
        made["id"],
    )
    assert event.owner_id == USER.id


async def test_secrets_are_sealed_and_said_nowhere(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    made = await create(door, headers={"X-Key": CANARY})
    name, secret = made.json()["id"], made.json()["secret"]
    rotated = await door.client.post(f"{PATH}/{name}/secret/rotate", headers=door.bearer())
    later = await door.client.get(f"{PATH}/{name}", headers=door.bearer())
    wrong = await create(door, url=f"ftp://{CANARY}@x/", headers={"X-Key": CANARY})

    stored = repr(door.work.endpoints.rows)
    told = repr(door.work.public_events.rows)
    for known in (secret, rotated.json()["secret"]):
        assert known not in later.text + stored + told + caplog.text
    assert CANARY not in told + caplog.text + wrong.text
    assert CANARY not in repr(door.work.endpoints.rows[name].headers)
    seals = door.app.state.parts.seals
    assert isinstance(seals, FakeSeals)
    assert seals.made[0] == (json.dumps({"X-Key": CANARY}).encode(), name, "/headers")
    assert seals.made[1] == (secret.encode(), name, "/keys")


async def test_an_asymmetric_webhook_shows_its_public_key(door: Door) -> None:
    made = (await create(door, scheme="v1a", format="discord")).json()

    assert made["secret"].startswith("whpk_")
    assert made["signing_keys"][0]["scheme"] == "v1a"


@pytest.mark.parametrize(
    ("wish", "pointer", "hint"),
    [
        ({"name": ""}, "/name", ""),
        ({"url": "ftp://hooks.example"}, "/url", "https://"),
        ({"url": "https://user:pw@hooks.example"}, "/url", "holds a user or password"),
        ({"url": "https://[::1"}, "/url", "no plain host"),
        ({"url": "https://hooks.example/a\nb"}, "/url", ""),
        ({"types": ["server.*", "server.redy"]}, "/types/1", "server.ready"),
        ({"types": ["*"]}, "/types/0", "event-types"),
        ({"filter": {"data.x": {"$regex": "a+"}}}, "/filter/data.x/$regex", "$eq"),
        ({"filter": {"$or": []}}, "/filter/$or", "list"),
        ({"filter": {"type": "x" * 9000}}, "/filter", "8192"),
        ({"format": "telegram"}, "/options/chat_id", "id of the chat"),
        ({"format": "ntfy", "options": {"topic": ""}}, "/options/topic", "printable"),
        ({"options": {"topic": "x"}}, "/options/topic", "no option of standard"),
        ({"max_in_flight": 11}, "/max_in_flight", ""),
        ({"rate": 0}, "/rate", ""),
        ({"scheme": "v2"}, "/scheme", ""),
        ({"format": "teams"}, "/format", ""),
        ({"colour": "blue"}, "/colour", ""),
    ],
)
async def test_a_mistake_is_named_by_its_field(
    door: Door, wish: dict[str, Any], pointer: str, hint: str
) -> None:
    answer = await create(door, **wish)

    assert pointers(answer) == [pointer]
    assert hint in answer.json()["errors"][0]["detail"]
    assert not door.work.endpoints.rows


async def test_all_mistakes_are_told_at_once(door: Door) -> None:
    answer = await create(door, url="x", types=["y"], format="ntfy", filter={"$nor": []})

    assert pointers(answer) == ["/url", "/types/0", "/filter/$nor", "/options/topic"]


async def test_nobody_sees_or_touches_the_webhook_of_another(door: Door) -> None:
    path = (await create(door)).headers["Location"]
    headers = {**door.bearer(OTHER), "If-Match": "*"}

    answers = [
        await door.client.get(path, headers=headers),
        await door.client.patch(path, json={"name": "x"}, headers=headers),
        await door.client.delete(path, headers=headers),
        await door.client.post(f"{path}/secret/rotate", headers=headers),
        await door.client.post(f"{path}/ping", headers=headers),
        await door.client.post(f"{path}/example", json={"type": "server.ready"}, headers=headers),
    ]

    assert {answer.json()["code"] for answer in answers} == {"webhook_not_found"}
    assert (await door.client.get(PATH, headers=headers)).json()["items"] == []
    assert (await door.client.get(path)).status_code == 401


async def test_everybodys_events_are_for_administrators(door: Door) -> None:
    refused = await create(door, HUMBLE, scope="everybody")
    unseen = await door.client.get(f"{PATH}?scope=everybody", headers=door.bearer(HUMBLE))
    made = await create(door, scope="everybody")
    path = made.headers["Location"]
    by_another = await door.client.get(path, headers=door.bearer(OTHER))
    by_nobody = await door.client.get(path, headers=door.bearer(HUMBLE))
    listed = await door.client.get(f"{PATH}?scope=everybody", headers=door.bearer(OTHER))
    mine = await door.client.get(PATH, headers=door.bearer())

    assert [a.json()["code"] for a in (refused, unseen)] == ["admin_only"] * 2
    assert (made.json()["scope"], by_another.status_code, by_nobody.status_code) == (
        "everybody",
        200,
        404,
    )
    assert len(listed.json()["items"]) == 1
    assert mine.json()["items"] == []
    assert door.work.public_events.rows[0].owner_id == ""


async def test_there_is_an_end_to_how_many_there_may_be(door: Door) -> None:
    assert (await create(door)).status_code == 201
    rows = door.work.endpoints.rows
    [one] = rows.values()
    more = [replace(one, id=new_id("webhook")) for _ in range(MOST - 2)]
    rows.update({each.id: each for each in more})
    assert (await create(door)).status_code == 201
    refused = await create(door)
    by_another = await create(door, OTHER)
    first = await door.client.get(f"{PATH}?limit=30", headers=door.bearer())
    after = f"{PATH}?limit=30&after={first.json()['next_cursor']}"
    rest = await door.client.get(after, headers=door.bearer())

    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_webhooks")
    assert refused.json()["remedy"]
    assert by_another.status_code == 201
    assert (len(first.json()["items"]), len(rest.json()["items"])) == (30, MOST - 30)
    assert rest.json()["next_cursor"] is None


async def test_under_one_key_it_is_created_once(door: Door) -> None:
    headers = {**door.bearer(), "Idempotency-Key": "k"}
    first = await door.client.post(PATH, json=GOOD, headers=headers)
    again = await door.client.post(PATH, json=GOOD, headers=headers)
    other = await door.client.post(PATH, json=GOOD | {"name": "x"}, headers=headers)
    await door.client.delete(first.headers["Location"], headers=headers)
    gone = await door.client.post(PATH, json=GOOD, headers=headers)

    assert again.json() == first.json() | {"secret": None}
    assert door.work.public_events.types() == ["webhook.ping"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (gone.status_code, gone.json()["code"]) == (404, "webhook_not_found")


async def test_a_refused_creation_leaves_its_key_free(door: Door) -> None:
    headers = {**door.bearer(), "Idempotency-Key": "k"}
    refused = await door.client.post(PATH, json=GOOD | {"url": "x"}, headers=headers)
    corrected = await door.client.post(PATH, json=GOOD, headers=headers)

    assert (refused.status_code, corrected.status_code) == (422, 201)


async def test_a_removed_webhook_is_gone(door: Door) -> None:
    path = (await create(door)).headers["Location"]
    stale = await door.client.delete(path, headers={**door.bearer(), "If-Match": '"9"'})
    removed = await door.client.delete(path, headers=door.bearer())
    again = await door.client.delete(path, headers=door.bearer())

    assert (stale.status_code, removed.status_code, again.status_code) == (412, 204, 404)
    assert not door.work.endpoints.rows
