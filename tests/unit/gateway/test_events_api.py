"""``/v1/events``: everybody reads what is theirs, in order, and misses nothing."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from common.contracts import public_events as public
from common.contracts.public_data import EndpointReference, Links, PingData
from gateway.domain.publicity import Notice
from gateway.domain.user import Role, User
from gateway.handlers.public_events import News, follow
from gateway.ports.public_events import Sought
from tests.fakes.gateway import MOMENT, USER, FakeWork
from tests.unit.gateway.door import OTHER, Door, open_door

ANN = replace(USER, role=Role.USER)
ADMIN = replace(USER, id="usr_9", name="Root", role=Role.ADMIN)


@pytest.fixture
async def door() -> AsyncGenerator[Door]:
    async with open_door() as door:
        yield door


async def listed(door: Door, query: str = "", user: User = USER) -> dict[str, Any]:
    await door.work.public_events.number(limit=999)
    answer = await door.client.get(f"/v1/events{query}", headers=door.bearer(user))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_events_come_a_page_at_a_time_and_validate(door: Door) -> None:
    for name in ("one", "two", "three"):
        await door.deploy(name=name, labels={"env": name})
    seen, after = [], 0
    while page := await listed(door, f"?after={after}&limit=2"):
        seen += page["items"]
        if after == page["next_after"]:
            break
        after = page["next_after"]

    assert [item["position"] for item in seen] == [1, 2, 3]
    for item in seen:
        jsonschema.validate(item["event"], public.schema(item["event"]["type"]))
    assert [item["event"]["data"]["server"]["labels"] for item in seen] == [
        {"env": "one"}, {"env": "two"}, {"env": "three"},
    ]  # fmt: skip
    assert {item["event"]["sequence"] for item in seen} == {"0" * 19 + "1"}


async def test_the_newest_events_are_where_a_follower_begins(door: Door) -> None:
    assert await listed(door, "?newest=true") == {"items": [], "next_after": 0}
    for name in ("one", "two", "three"):
        await door.deploy(name=name)

    page = await listed(door, "?newest=true&limit=2")
    none = await listed(door, "?newest=true&type=server.ready")

    assert ([item["position"] for item in page["items"]], page["next_after"]) == ([2, 3], 3)
    assert none == {"items": [], "next_after": 3}


async def test_who_asks_for_what_is_rare_goes_on_behind_all_that_was_looked_at(door: Door) -> None:
    for name in ("one", "two", "three"):
        await door.deploy(name=name)

    assert await listed(door, "?type=server.ready") == {"items": [], "next_after": 3}
    assert (await listed(door, "?type=operation.*&limit=3"))["next_after"] == 3
    assert (await listed(door, "?type=operation.*&limit=2"))["next_after"] == 2


async def test_others_events_are_for_administrators_who_ask(door: Door) -> None:
    await door.deploy()
    await door.deploy(OTHER)

    assert len((await listed(door))["items"]) == 1
    assert (await listed(door, user=ADMIN))["items"] == []
    assert len((await listed(door, "?all=true", ADMIN))["items"]) == 2
    refused = await door.client.get("/v1/events?all=true", headers=door.bearer(ANN))
    assert (refused.status_code, refused.json()["code"]) == (403, "admin_only")


async def test_events_are_sought_by_type_and_server(door: Door) -> None:
    first = (await door.deploy()).json()
    await door.deploy()
    await door.work.public_events.add(ping(1))

    async def types(query: str) -> list[str]:
        return [item["event"]["type"] for item in (await listed(door, query))["items"]]

    assert await types("?type=operation.*") == ["operation.accepted"] * 2
    both = await types("?type=webhook.endpoint_disabled&type=operation.accepted")
    assert both == ["operation.accepted", "operation.accepted", "webhook.endpoint_disabled"]
    assert await types("?type=server.ready") == []
    assert await types(f"?server_id={first['server_id']}") == ["operation.accepted"]


@pytest.mark.parametrize("query", ["after=-1", "type=DROP", "type=*", "limit=0", "server_id=x"])
async def test_a_question_that_means_nothing_is_refused(door: Door, query: str) -> None:
    answer = await door.client.get(f"/v1/events?{query}", headers=door.bearer())

    assert answer.status_code == 422
    assert query.partition("=")[0] in answer.text


async def test_what_is_for_one_endpoint_is_in_nobodys_events(door: Door) -> None:
    await door.work.public_events.add(
        Notice(
            type="webhook.ping", subject_id="whk_1", owner_id=USER.id, time=MOMENT,
            data=PingData(
                webhook=EndpointReference(id="whk_1", name="x"), links=Links()
            ),
            only_for="whk_1",
        )
    )  # fmt: skip

    assert (await listed(door))["items"] == []


async def test_types_are_listed_with_their_schemas(door: Door) -> None:
    types = (await door.client.get("/v1/event-types")).json()

    assert [one["type"] for one in types] == list(public.CATALOGUE)
    schema = await door.client.get(types[0]["schema_url"])
    assert schema.headers["content-type"] == "application/schema+json"
    jsonschema.Draft202012Validator.check_schema(schema.json())
    missing = await door.client.get("/v1/event-types/server.flown/schema")
    assert (missing.status_code, missing.json()["code"]) == (404, "event_type_not_found")


async def _followed(work: FakeWork, news: News, *, checks: list[None] | None = None):
    async def check() -> None:
        if checks is not None:
            checks.append(None)

    sought = Sought(after=0, limit=0, owner_id=USER.id)
    return [e.position async for e in follow(sought, work=work, news=news, check=check)]


def ping(number: int) -> Notice:
    data = PingData(
        webhook=EndpointReference(id="whk_1", name=str(number)),
        links=Links(),
    )
    return Notice(
        type="webhook.endpoint_disabled", subject_id="whk_1", owner_id=USER.id, time=MOMENT,
        data=data,
    )  # fmt: skip


async def test_who_follows_gets_all_once_across_the_seam_of_history_and_life() -> None:
    work, news = FakeWork(), News()
    for number in range(450):
        await work.public_events.add(ping(number))
    await work.public_events.number(limit=450)
    following = asyncio.create_task(_followed(work, news))
    for number in range(450, 600):
        await work.public_events.add(ping(number))
        await work.public_events.number(limit=1)
        news.bell.ring()
        await asyncio.sleep(0)
    while news.bell.rings < 150 or not following.done():
        await asyncio.sleep(0.02)
        news.close()

    assert await following == list(range(1, 601))


async def test_who_may_not_listen_any_longer_hears_no_more() -> None:
    work, news = FakeWork(), News()
    await work.public_events.add(ping(1))
    await work.public_events.number(limit=1)

    async def check() -> None:
        raise PermissionError

    with pytest.raises(PermissionError):
        async for _ in follow(
            Sought(after=0, limit=0, owner_id=USER.id), work=work, news=news, check=check
        ):
            pytest.fail("heard something")


async def test_who_is_no_administrator_any_more_follows_everybodys_events_no_longer(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    await door.work.public_events.add(ping(1))
    await door.work.public_events.number(limit=1)
    find, asked = door.work.users.find, list[str]()

    async def demoted_meanwhile(id: str) -> User | None:
        asked.append(id)
        found = await find(id)
        return found and replace(found, role=Role.ADMIN if len(asked) == 1 else Role.USER)

    monkeypatch.setattr(door.work.users, "find", demoted_meanwhile)
    answer = await door.client.get("/v1/events/stream?all=true&after=0", headers=door.bearer(ADMIN))

    assert (answer.status_code, answer.text.count("event:")) == (200, 0)


@pytest.mark.parametrize(
    "labels",
    [{"Env": "x"}, {"": "x"}, {"a": "x" * 64}, {"a": "b\n"}, {f"a{n}": "" for n in range(17)}],
)
async def test_labels_that_cannot_be_are_refused_by_name(
    door: Door, labels: dict[str, str]
) -> None:
    answer = await door.deploy(labels=labels)

    assert answer.status_code == 422
    assert "/labels" in json.dumps(answer.json()["errors"])


async def test_labels_are_changed_at_once_and_sought(door: Door) -> None:
    server = (await door.deploy(labels={"env": "qa"})).json()["server_id"]
    await door.deploy()
    path, bearer = f"/v1/servers/{server}/labels", door.bearer()

    answer = await door.client.put(path, json={"env": "prod", "who": "ann=bob"}, headers=bearer)

    assert answer.json()["labels"] == {"env": "prod", "who": "ann=bob"}
    for query, found in (("label=env=prod&label=who=ann=bob", [server]), ("label=env=qa", [])):
        listed = await door.client.get(f"/v1/servers?{query}", headers=bearer)
        assert [one["id"] for one in listed.json()["items"]] == found
    for query in ("label=env", "label=env=prod&label=env=qa"):
        refused = await door.client.get(f"/v1/servers?{query}", headers=bearer)
        assert refused.status_code == 422
        assert "label" in refused.text
