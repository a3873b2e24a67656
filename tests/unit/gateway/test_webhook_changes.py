"""Webhooks changed: under If-Match, a field at a time; secrets rotated; events tried out."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from common.contracts.base import now
from gateway.domain.endpoint import Endpoint
from tests.fakes.gateway import MOMENT
from tests.unit.gateway.door import Door, open_door
from tests.unit.gateway.test_webhooks_api import GOOD, create, patch, pointers


@pytest.fixture
async def door() -> AsyncGenerator[Door]:
    async with open_door() as door:
        yield door


def row(door: Door) -> Endpoint:
    [endpoint] = door.work.endpoints.rows.values()
    return endpoint


async def rotate(door: Door, made: httpx.Response, **body: Any) -> httpx.Response:
    path = f"{made.headers['Location']}/secret/rotate"
    return await door.client.post(path, json=body, headers=door.bearer())


async def test_a_change_says_what_it_changes(door: Door) -> None:
    made = await create(door)
    path, headers = made.headers["Location"], door.bearer()

    missing = await door.client.patch(path, json={"name": "a"}, headers=headers)
    first = await door.client.patch(
        path, json={"name": "b"}, headers=headers | {"If-Match": made.headers["ETag"]}
    )
    stale = await door.client.patch(
        path, json={"name": "c"}, headers=headers | {"If-Match": made.headers["ETag"]}
    )
    weak = await door.client.patch(
        path, json={"name": "d"}, headers=headers | {"If-Match": 'W/"2"'}
    )
    one_of = await door.client.patch(
        path, json={"name": "e"}, headers=headers | {"If-Match": '"1", "2"'}
    )

    assert (missing.status_code, missing.json()["code"]) == (428, "if_match_required")
    assert (first.status_code, first.headers["ETag"], first.json()["name"]) == (200, '"2"', "b")
    assert (stale.status_code, stale.json()["code"]) == (412, "revision_stale")
    assert weak.status_code == 412
    assert (one_of.status_code, row(door).name) == (200, "e")
    assert all(answer.json()["remedy"] for answer in (missing, stale))


async def test_what_is_not_sent_stays_and_null_is_the_default(door: Door) -> None:
    made = await create(
        door, types=["server.ready"], filter={"type": "server.ready"}, rate=3, max_in_flight=7,
        headers={"X-A": "1"}, format="ntfy", options={"topic": "t"},
    )  # fmt: skip

    one = await patch(door, made, in_order=True)
    nulls = await patch(
        door, made, types=None, filter=None, rate=None, max_in_flight=None, headers=None,
        format=None, options=None,
    )  # fmt: skip

    volatile = ("revision", "updated_at", "in_order", "secret")
    assert {k: v for k, v in one.json().items() if k not in volatile} == {
        k: v for k, v in made.json().items() if k not in volatile
    }
    found = nulls.json()
    assert (found["types"], found["filter"], found["options"], found["headers"]) == (
        [],
        {},
        {},
        None,
    )
    assert (found["rate"], found["max_in_flight"], found["format"]) == (None, 2, "standard")
    assert (found["in_order"], found["name"], found["revision"]) == (True, "mine", 3)


async def test_a_change_of_nothing_is_no_new_revision(door: Door) -> None:
    made = await create(door)

    same = await patch(door, made, name="mine", types=[])

    assert same.json() == {k: v for k, v in made.json().items() if k != "secret"}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": None}, "/name"),
        ({"url": None}, "/url"),
        ({"url": "https://a:b@x/"}, "/url"),
        ({"types": ["nothing.at_all"]}, "/types/0"),
        ({"filter": {"a": {"$in": 1}}}, "/filter/a/$in"),
        ({"format": "telegram"}, "/options/chat_id"),
        ({"scope": "everybody"}, "/scope"),
        ({"secret": "whsec_x"}, "/secret"),
        ({"revision": 9}, "/revision"),
    ],
)
async def test_a_change_is_checked_as_a_creation_is(
    door: Door, change: dict[str, Any], pointer: str
) -> None:
    made = await create(door)
    before = row(door)

    answer = await patch(door, made, **change)

    assert pointers(answer) == [pointer]
    assert row(door) == before


async def test_kept_headers_do_not_follow_to_another_host(door: Door) -> None:
    made = await create(door, headers={"Authorization": "Bearer x"})

    refused = await patch(door, made, url="https://elsewhere.example/")
    moved = await patch(door, made, url=f"{GOOD['url']}/deeper")
    again = await patch(door, made, url="https://elsewhere.example/", headers={"X-B": "1"})

    assert pointers(refused) == ["/headers"]
    assert (moved.status_code, again.status_code) == (200, 200)


async def test_disabling_says_so_and_enabling_is_a_fresh_start(door: Door) -> None:
    made = await create(door)
    disabled = await patch(door, made, enabled=False)
    ping = f"{made.headers['Location']}/ping"
    refused = await door.client.post(ping, headers=door.bearer())
    door.work.endpoints.rows[row(door).id] = replace(row(door), failing_since=MOMENT, warned=70)
    enabled = await patch(door, made, enabled=True)
    pinged = await door.client.post(ping, headers=door.bearer())

    assert disabled.json()["disabled_reason"]
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_disabled")
    assert (enabled.json()["disabled_reason"], enabled.json()["failing_since"]) == (None, None)
    assert row(door).warned == 0
    assert pinged.status_code == 202


async def test_another_address_forgets_what_failed_at_the_former(door: Door) -> None:
    made = await create(door)
    door.work.endpoints.rows[row(door).id] = replace(row(door), failing_since=MOMENT, warned=50)

    renamed = await patch(door, made, name="other")
    moved = await patch(door, made, url="https://other.example/")

    assert renamed.json()["failing_since"] is not None
    assert (moved.json()["failing_since"], row(door).warned) == (None, 0)


async def test_the_former_secret_signs_on_for_a_day(door: Door) -> None:
    made = await create(door)

    rotated = await rotate(door, made)

    assert rotated.json()["secret"] != made.json()["secret"]
    newest, former = row(door).keys
    assert newest.expires_at is None
    assert former.expires_at is not None
    assert former.expires_at - newest.created_at == timedelta(hours=24)
    assert former.sealed == "sealed:fake:1"
    assert rotated.headers["ETag"] == '"2"'
    assert len(rotated.json()["signing_keys"]) == 2


async def test_a_leaked_secret_ends_now_and_those_before_it_too(door: Door) -> None:
    made = await create(door)
    await rotate(door, made)

    await rotate(door, made, overlap_hours=0, scheme="v1a")

    [only] = row(door).keys
    assert (only.scheme, only.expires_at) == ("v1a", None)


async def test_a_shorter_overlap_counts_for_all_former_secrets(door: Door) -> None:
    made = await create(door)
    await rotate(door, made, overlap_hours=168)

    await rotate(door, made, overlap_hours=1)

    assert all(
        k.expires_at and k.expires_at < now() + timedelta(hours=2) for k in row(door).keys[1:]
    )


async def test_a_rotation_may_say_which_state_it_means(door: Door) -> None:
    made = await create(door)
    path = f"{made.headers['Location']}/secret/rotate"

    stale = await door.client.post(path, headers={**door.bearer(), "If-Match": '"7"'})
    fresh = await door.client.post(path, headers={**door.bearer(), "If-Match": '"1"'})

    assert (stale.status_code, fresh.status_code) == (412, 200)


async def test_five_secrets_at_most_sign_at_once(door: Door) -> None:
    made = await create(door)
    for _ in range(4):
        assert (await rotate(door, made)).status_code == 200
    refused = await rotate(door, made)
    expired = [replace(key, expires_at=MOMENT) for key in row(door).keys[1:]]
    door.work.endpoints.rows[row(door).id] = replace(row(door), keys=(row(door).keys[0], *expired))
    later = await rotate(door, made)

    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_webhook_secrets")
    assert "overlap_hours 0" in refused.json()["remedy"]
    assert (later.status_code, len(row(door).keys)) == (200, 2)


@pytest.mark.parametrize("hours", [-1, 169])
async def test_an_overlap_has_its_bounds(door: Door, hours: int) -> None:
    made = await create(door)

    assert pointers(await rotate(door, made, overlap_hours=hours)) == ["/overlap_hours"]


async def test_an_example_goes_past_types_and_filter_to_this_webhook_alone(door: Door) -> None:
    made = await create(door, types=["server.deleted"])

    sent = await door.client.post(
        f"{made.headers['Location']}/example",
        json={"type": "server.players_changed"},
        headers=door.bearer(),
    )

    event = door.work.public_events.rows[-1]
    assert sent.status_code == 202
    assert sent.json() == {"event_id": event.id, "type": "server.players_changed"}
    assert event.only_for == made.json()["id"]
    assert door.work.public_events.types() == ["webhook.ping", "server.players_changed"]


async def test_an_example_of_nothing_names_what_comes_near(door: Door) -> None:
    made = await create(door)

    answer = await door.client.post(
        f"{made.headers['Location']}/example", json={"type": "server.gone"}, headers=door.bearer()
    )

    assert answer.json()["code"] == "unknown_event_type"
    assert pointers(answer) == ["/type"]
    assert "server." in answer.json()["errors"][0]["detail"]


async def test_another_format_leaves_the_options_of_the_former_behind(door: Door) -> None:
    made = await create(door, format="telegram", options={"chat_id": "-1"})

    changed = await patch(door, made, format="standard")
    back = await patch(door, made, format="telegram")

    assert (changed.status_code, changed.json()["options"]) == (200, {})
    assert pointers(back) == ["/options/chat_id"]


async def test_others_hear_that_somebody_has_disabled_it(door: Door) -> None:
    made = await create(door)

    await patch(door, made, enabled=False)
    await patch(door, made, enabled=False, name="other")

    told = [row for row in door.work.public_events.rows if row.type != "webhook.ping"]
    assert [row.type for row in told] == ["webhook.endpoint_disabled"]
    assert told[0].data["reason"]
