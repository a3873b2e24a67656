"""When deliveries are tried, and what every answer means: F60 and F62."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.delivering import Outcome, Schedule
from gateway.domain.delivery import DeliveryState
from gateway.ports.sender import NotSent, Reason
from tests.fakes.deliveries import answer
from tests.fakes.gateway import MOMENT
from tests.unit.gateway.post import World, endpoint, players_changed

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def world() -> World:
    return World()


def outcome(**more: Any) -> Outcome:
    made: dict[str, Any] = {
        "event_id": "evt_1",
        "url": "https://whk_1.example/hook",
        "at": MOMENT,
        "took": 0.0,
        "status": 503,
    }
    return Outcome(**{**made, **more})


async def test_f60_an_event_is_tried_by_the_schedule_and_then_given_up_and_told(world: World):
    world.sender.says = lambda _: answer(500, body=b"oh\x00 no" + b"!" * 2000)
    await world.add(endpoint(), endpoint("whk_2", types=("webhook.*",)))
    [event] = await world.tell(players_changed())

    await world.pass_time(28 * HOUR)

    at = [row.at - MOMENT for row in world.attempts()]
    waits = (0, 5, 300, 1800, 7200, 18000, 36000, 36000)
    assert at == [sum(waits[: n + 1]) * SECOND for n in range(8)]
    assert [row.number for row in world.attempts()] == list(range(1, 9))
    assert world.attempts()[0].answer.startswith("oh\ufffd no!")
    assert len(world.attempts()[0].answer) == 1024
    assert world.delivery(event).state is DeliveryState.FAILED
    assert {sent.id for sent in world.sender.sent if "whk_1" in sent.url} == {event.id}
    assert world.told() == ["webhook.delivery_exhausted"]
    assert world.attempts("whk_2")


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_f60_every_2xx_is_a_success(world: World, status: int):
    world.sender.says = lambda _: answer(status)
    await world.add(endpoint())
    [event] = await world.tell(players_changed())

    await world.pass_time(48 * HOUR)

    assert world.delivery(event).state is DeliveryState.SUCCEEDED
    assert len(world.sender.sent) == 1
    assert world.kept().failing_since is None


@pytest.mark.parametrize("status", [300, 301, 307, 304, 400, 401, 404, 500, 502, 504])
async def test_f60_whatever_else_is_answered_is_a_failure_and_tried_again(
    world: World, status: int
):
    world.sender.says = lambda _: answer(status)
    await world.add(endpoint())
    [event] = await world.tell(players_changed())

    await world.deliver()

    found = world.delivery(event)
    assert (found.state, found.next_at) == (DeliveryState.PENDING, MOMENT + 5 * SECOND)
    assert [row.status for row in world.attempts()] == [status]
    assert world.kept().failing_since == MOMENT


@pytest.mark.parametrize("reason", Reason)
async def test_f60_no_answer_is_a_failure_with_its_reason_in_words(world: World, reason: Reason):
    world.sender.says = lambda _: NotSent(reason, "no answer within 15 s")
    await world.add(endpoint())
    [event] = await world.tell(players_changed())

    await world.deliver()

    assert world.delivery(event).state is DeliveryState.PENDING
    [attempt] = world.attempts()
    assert (attempt.status, attempt.error) == (None, "no answer within 15 s")


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        ("120", 120),
        ("Thu, 01 Jan 2026 12:02:00 GMT", 120),
        ("999999999999999", 3600),
        ("Thu, 01 Jan 2099 00:00:00 GMT", 3600),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 5),
        ("-7", 5),
        ("²", 5),
        ("soon", 5),
        ("", 5),
        ("2", 5),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_f60_retry_after_is_honoured_up_to_an_hour(
    world: World, asked: str, waits: int, status: int
):
    world.sender.says = lambda _: answer(status, retry_after=asked)
    await world.add(endpoint())
    [event] = await world.tell(players_changed())

    await world.deliver()

    assert world.delivery(event).next_at == MOMENT + waits * SECOND


async def test_f60_an_endpoint_that_is_too_busy_is_left_alone_with_all_its_events(world: World):
    world.sender.says = lambda _: answer(429, retry_after="60")
    await world.add(endpoint(max_in_flight=1))
    await world.tell(*(players_changed(n) for n in range(5)))

    await world.pass_time(59 * SECOND)
    before = len(world.sender.sent)
    world.sender.says = lambda _: answer()
    await world.pass_time(2 * SECOND)

    assert before == 1
    assert len(set(world.sender.ids())) == 5
    assert world.pending() == []


async def test_f60_410_disables_the_endpoint_and_calls_off_what_waits_for_it(world: World):
    world.sender.says = lambda sent: answer(410 if "whk_1" in sent.url else 204)
    await world.add(endpoint(max_in_flight=1), endpoint("whk_2"))
    first, *others = await world.tell(*(players_changed(n) for n in range(3)))

    await world.pass_time(48 * HOUR)

    assert len(world.attempts()) == 1
    assert world.delivery(first).state is DeliveryState.FAILED
    assert {world.delivery(event).state for event in others} == {DeliveryState.CANCELLED}
    assert (world.kept().enabled, world.kept().disabled_reason) == (False, "it answered 410 Gone")
    assert world.told() == ["webhook.endpoint_disabled"]
    assert len(world.attempts("whk_2")) == 4  # the three, and what became of the other
    assert world.kept("whk_2").enabled


async def test_waits_differ_by_a_fifth_so_that_endpoints_do_not_come_back_together():
    schedule = Schedule()

    assert schedule.wait(2, chance=0) == 240 * SECOND
    assert schedule.wait(2, chance=1) == 360 * SECOND
    assert schedule.wait(8, chance=1) is None


async def test_a_wish_counts_for_the_event_alone_unless_the_endpoint_is_too_busy():
    assert outcome(status=500, retry_after="60").pause == timedelta(0)
    assert outcome(status=500, retry_after="60").wish == 60 * SECOND
    assert outcome(status=503, retry_after="60").pause == 60 * SECOND
    assert outcome(status=204, retry_after="60").wish == timedelta(0)


async def test_f62_an_endpoint_that_is_down_for_five_days_is_warned_of_and_disabled(world: World):
    world.sender.says = lambda sent: answer(500 if "whk_1" in sent.url else 204)
    await world.add(
        endpoint(types=("server.*",)),
        endpoint("whk_2", types=("webhook.endpoint_failing", "webhook.endpoint_disabled")),
        endpoint("whk_3", owner_id=None),
    )

    for count in range(11):
        await world.tell(players_changed(count))
        await world.pass_time(12 * HOUR)

    assert not world.kept().enabled
    assert world.kept().disabled_reason == "nothing but failures for 120 hours"
    of_endpoint = [told for told in world.told() if told != "webhook.delivery_exhausted"]
    assert of_endpoint == ["webhook.endpoint_failing"] * 3 + ["webhook.endpoint_disabled"]
    times = [
        (row.time - MOMENT) / HOUR
        for row in world.work.public_events.rows
        if row.type.startswith("webhook.endpoint_")
    ]
    late = [hours - mark for hours, mark in zip(times, (60, 84, 108, 120), strict=True)]
    assert all(0 <= hours < 8 for hours in late)  # by then it is tried again
    assert world.kept("whk_2").enabled
    assert world.kept("whk_3").enabled
    assert len(world.attempts("whk_2")) == 4


async def test_f62_what_was_pending_waits_while_disabled_and_goes_out_when_enabled_again(
    world: World,
):
    await world.add(endpoint())
    [event] = await world.tell(players_changed())
    world.work.endpoints.rows["whk_1"] = endpoint(enabled=False)

    await world.tell(players_changed(2))
    await world.deliver()
    before = len(world.sender.sent)
    world.work.endpoints.rows["whk_1"] = endpoint()
    await world.pass_time(2 * SECOND)

    assert before == 0
    assert world.sender.ids() == [event.id]


async def test_f62_a_week_of_silence_is_no_week_of_failures(world: World):
    world.sender.says = lambda _: answer(500)
    await world.add(endpoint())
    await world.tell(players_changed())
    await world.pass_time(200 * HOUR)

    event = (await world.tell(players_changed(2)))[-1]
    await world.deliver()

    assert world.delivery(event).tries == 1
    assert world.kept().enabled


async def test_a_success_ends_the_failing_and_is_told_if_it_was_warned_of(world: World):
    await world.add(
        endpoint(failing_since=MOMENT - 70 * HOUR, warned=50),
        endpoint("whk_2", types=("webhook.endpoint_recovered",)),
    )
    await world.tell(players_changed())

    await world.pass_time(MINUTE)

    assert (world.kept().failing_since, world.kept().warned) == (None, 0)
    assert world.told() == ["webhook.endpoint_recovered"]
    assert len(world.attempts("whk_2")) == 1


async def test_two_that_are_down_do_not_tell_of_each_other_for_ever(world: World):
    world.sender.says = lambda _: answer(500)
    await world.add(endpoint(), endpoint("whk_2"))
    await world.tell(players_changed())

    await world.pass_time(100 * HOUR)

    exhausted = [told for told in world.told() if told == "webhook.delivery_exhausted"]
    assert len(exhausted) == 2


@pytest.mark.parametrize(
    "absurd",
    [
        "Mon, 01 Jan 2020 00:00:00 +99999999999999",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 99999999999999999999999 Jan 2020 00:00:00 GMT",
        "Mon, 01 Jan 2020 99999999999999999999999999:00:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 +2300",
        "Fri, 31 Dec 9999 23:59:59 -2300",
        "²",
        "",
    ],
)
@pytest.mark.parametrize("status", [500, 503])
def test_no_wish_of_a_receiver_keeps_its_answer_from_being_an_outcome(absurd: str, status: int):
    wish = outcome(status=status, retry_after=absurd).wish

    assert timedelta(0) <= wish <= timedelta(hours=1)


@given(
    st.text(max_size=100)
    | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ .*", fullmatch=True)
)
def test_whatever_is_wished_is_none_to_one_hour(text: str):
    assert timedelta(0) <= outcome(status=503, retry_after=text).pause <= timedelta(hours=1)
