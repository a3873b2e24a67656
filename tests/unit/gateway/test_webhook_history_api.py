"""What was sent to a webhook, read at the door page by page, and asked for again."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from common.contracts.base import now
from common.contracts.ids import new_id
from gateway.domain.delivery import Attempt, DeliveryState
from gateway.domain.publicity import Published
from gateway.domain.subscription import delivery_of
from tests.fakes.gateway import USER
from tests.unit.gateway.door import OTHER, Door, open_door

HOUR = timedelta(hours=1)


@pytest.fixture
async def door() -> AsyncGenerator[Door]:
    async with open_door() as door:
        yield door


class Hook:
    """A webhook at the door, and events in the past."""

    def __init__(self, door: Door, path: str) -> None:
        self.door, self.path, self.id = door, path, path.rpartition("/")[2]
        self.began = now() - 10 * HOUR

    def happen(self, count: int, **more: Any) -> Sequence[Published]:
        """Let events happen, one an hour; nothing of them is on its way yet."""
        events = self.door.work.public_events
        events.rows.clear()
        for number in range(1, count + 1):
            plain = Published(
                position=number,
                id=new_id("event"),
                type="server.players_changed",
                owner_id=USER.id,
                subject_id="srv_1",
                sequence=number,
                time=self.began + number * HOUR,
                data={"server": {"id": "srv_1"}, "links": {}, "players": number},
            )
            events.rows.append(replace(plain, **more))
        events.numbered = count
        return list(events.rows)

    async def deliver(
        self, events: Sequence[Published], state: DeliveryState = DeliveryState.FAILED
    ) -> None:
        endpoint = self.door.work.endpoints.rows[self.id]
        for event in events:
            row = delivery_of(event, endpoint, at=event.time)
            over = {} if state is DeliveryState.PENDING else {"done_at": event.time}
            tried = replace(row, state=state, tries=1, attempts=1, **over)
            await self.door.work.deliveries.add(tried)
            await self.door.work.deliveries.record(
                Attempt(
                    endpoint_id=self.id,
                    event_id=event.id,
                    number=1,
                    at=event.time,
                    took=0.25,
                    status=500,
                    answer="<b>no</b>",
                )
            )

    async def get(self, what: str, **query: Any) -> httpx.Response:
        return await self.door.client.get(
            f"{self.path}/{what}", params=query, headers=self.door.bearer()
        )

    async def replay(self, **wish: Any) -> httpx.Response:
        return await self.door.client.post(
            f"{self.path}/replay", json=wish, headers=self.door.bearer()
        )

    def pending(self) -> list[str]:
        rows = self.door.work.deliveries.rows.values()
        return [row.event_id for row in rows if row.state is DeliveryState.PENDING]


@pytest.fixture
async def hook(door: Door) -> Hook:
    made = await door.client.post(
        "/v1/webhooks",
        json={"name": "mine", "url": "https://hooks.example/x"},
        headers=door.bearer(),
    )
    return Hook(door, made.headers["Location"])


async def pages(hook: Hook, what: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = (await hook.get(what, limit=2, **query)).json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        query["after"] = page["next_cursor"]


class TestDeliveries:
    async def test_they_come_newest_first_page_by_page(self, hook: Hook) -> None:
        events = hook.happen(5)
        await hook.deliver(events)

        found = await pages(hook, "deliveries")

        assert [one["event_id"] for one in found] == [event.id for event in reversed(events)]
        assert found[0] == {
            "event_id": events[4].id,
            "event_type": "server.players_changed",
            "subject_id": "srv_1",
            "position": 5,
            "state": "failed",
            "attempts": 1,
            "tries": 1,
            "created_at": found[0]["created_at"],
            "next_at": None,
            "done_at": found[0]["created_at"],
        }

    async def test_those_of_a_state_alone_and_when_the_pending_are_due(self, hook: Hook) -> None:
        events = hook.happen(3)
        await hook.deliver(events[:1])
        await hook.deliver(events[1:2], DeliveryState.SUCCEEDED)
        await hook.deliver(events[2:], DeliveryState.PENDING)

        [pending] = (await hook.get("deliveries", state="pending")).json()["items"]

        assert (pending["event_id"], pending["next_at"] is None) == (events[2].id, False)

    @pytest.mark.parametrize(
        ("query", "name"), [({"state": "lost"}, "state"), ({"after": "x"}, "after")]
    )
    async def test_what_no_page_is_found_by_is_named(
        self, hook: Hook, query: dict[str, str], name: str
    ) -> None:
        answer = await hook.get("deliveries", **query)

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == f"query:{name}"


class TestAttempts:
    async def test_they_tell_when_how_long_and_what_was_answered(self, hook: Hook) -> None:
        events = hook.happen(5)
        await hook.deliver(events)

        found = await pages(hook, "attempts")
        [of_one] = (await hook.get("attempts", event_id=events[1].id)).json()["items"]

        assert [one["event_id"] for one in found] == [event.id for event in reversed(events)]
        assert of_one == found[3]
        assert of_one | {"at": ""} == {
            "event_id": events[1].id,
            "event_type": "server.players_changed",
            "number": 1,
            "at": "",
            "duration": 0.25,
            "status": 500,
            "error": None,
            "answer": "<b>no</b>",
        }

    async def test_after_one_that_is_forgotten_nothing_is_left(self, hook: Hook) -> None:
        await hook.deliver(hook.happen(3))

        page = await hook.get("attempts", after=f"{new_id('event')}:1")

        assert page.json() == {"items": [], "next_cursor": None}


class TestReplay:
    async def test_f67_one_event_goes_out_again(self, hook: Hook) -> None:
        events = hook.happen(3)
        await hook.deliver(events)

        answer = await hook.replay(event_id=events[1].id)

        assert answer.status_code == 202
        assert answer.json() == {"count": 1, "reached": None, "complete": True}
        assert hook.pending() == [events[1].id]

    async def test_f67_what_failed_since_a_time_goes_out_again(self, hook: Hook) -> None:
        events = hook.happen(3)
        await hook.deliver(events)

        answer = await hook.replay(failed_since=events[1].time.isoformat())

        assert answer.json() == {"count": 2, "reached": events[2].position, "complete": True}
        assert hook.pending() == [events[1].id, events[2].id]

    async def test_f67_much_that_failed_is_gone_on_with_where_it_was_left(
        self, hook: Hook, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateway.handlers.replay.BATCH", 1)
        monkeypatch.setattr("gateway.handlers.replay.MOST", 1)
        events = hook.happen(2)
        await hook.deliver(events)
        since = events[0].time.isoformat()

        first = (await hook.replay(failed_since=since)).json()
        second = (await hook.replay(failed_since=since, after=first["reached"])).json()
        third = (await hook.replay(failed_since=since, after=second["reached"])).json()

        assert first == {"count": 1, "reached": events[0].position, "complete": False}
        assert second == {"count": 1, "reached": events[1].position, "complete": False}
        assert third == {"count": 0, "reached": events[1].position, "complete": True}
        assert hook.pending() == [event.id for event in events]

    @pytest.mark.parametrize(
        ("after", "before", "expected"),
        [
            (1, 4, [2, 3]),
            (3, None, [4, 5]),
            (None, 3, [1, 2]),
            ("2", "4", [3]),
            (0, 9_000, [1, 2, 3, 4, 5]),
            (9_000, None, []),
            (timedelta(hours=1.5), timedelta(hours=3.5), [2, 3]),
            (timedelta(hours=3.5), None, [4, 5]),
            (4, timedelta(hours=3.5), []),
        ],
    )
    async def test_f67_a_range_goes_out_between_positions_or_times(
        self, hook: Hook, after: Any, before: Any, expected: list[int]
    ) -> None:
        events = hook.happen(5)
        wish = {"after": after, "before": before}
        for name, mark in wish.items():
            if isinstance(mark, timedelta):
                wish[name] = (hook.began + mark).isoformat()

        answer = await hook.replay(**wish)

        assert answer.status_code == 202
        assert answer.json()["count"] == len(expected)
        assert answer.json()["complete"]
        assert hook.pending() == [events[number - 1].id for number in expected]

    async def test_f67_a_long_range_is_gone_on_with_where_it_was_left(
        self, hook: Hook, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateway.handlers.replay.MOST", 3)
        events = hook.happen(5)

        first = (await hook.replay(after=0)).json()
        second = (await hook.replay(after=first["reached"])).json()

        assert first == {"count": 3, "reached": 3, "complete": False}
        assert second == {"count": 2, "reached": 5, "complete": True}
        assert hook.pending() == [event.id for event in events]

    @pytest.mark.parametrize(
        ("wish", "pointers"),
        [
            ({}, ["/event_id", "/failed_since", "/after"]),
            ({"event_id": None}, ["/event_id", "/failed_since", "/after"]),
            ({"event_id": new_id("event")}, ["/event_id"]),
            ({"event_id": "evt_1"}, ["/event_id"]),
            ({"event_id": new_id("event"), "before": 3}, ["/event_id", "/after"]),
            (
                {"failed_since": "2026-11-21T10:00Z", "after": "2026-11-21T10:00Z"},
                ["/failed_since", "/after"],
            ),
            (
                {"failed_since": "2026-11-21T10:00Z", "after": 3, "before": 9},
                ["/failed_since", "/after"],
            ),
            ({"after": 3, "before": 3}, ["/before"]),
            ({"after": "2026-11-21T10:00Z", "before": "2026-11-21T09:00Z"}, ["/before"]),
            ({"after": "yesterday"}, ["/after"]),
            ({"after": -1}, ["/after"]),
            ({"after": "0001-01-01T00:00:00+14:00"}, ["/after"]),
            ({"failed_since": "9999-12-31T23:59:00-12:00"}, ["/failed_since"]),
            ({"before": "2026-11-21T10:00"}, ["/before"]),
            ({"failed_since": "2026-11-21T10:00"}, ["/failed_since"]),
            ({"since": 1}, ["/since"]),
        ],
    )
    async def test_what_cannot_be_sent_again_is_named(
        self, hook: Hook, wish: dict[str, Any], pointers: list[str]
    ) -> None:
        answer = await hook.replay(**wish)

        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == pointers
        assert answer.json()["remedy"]
        assert not hook.door.work.deliveries.rows

    async def test_another_ones_event_is_not_there(self, hook: Hook) -> None:
        [event] = hook.happen(1, owner_id=OTHER.id)

        answer = await hook.replay(event_id=event.id)

        assert (answer.status_code, answer.json()["code"]) == (422, "replay_refused")

    async def test_a_disabled_webhook_is_to_be_enabled_first(self, hook: Hook) -> None:
        await hook.deliver(hook.happen(1))
        endpoints = hook.door.work.endpoints
        endpoints.rows[hook.id] = replace(endpoints.rows[hook.id], enabled=False)

        answer = await hook.replay(after=0)

        assert (answer.status_code, answer.json()["code"]) == (409, "webhook_disabled")
        assert "Enable it first" in answer.json()["remedy"]
        assert hook.pending() == []
