"""Deliveries on their way: fair, signed, asked for again, called off, cut anywhere: F63 to F68."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from common.contracts.base import now
from gateway.domain.chat_formats import Format
from gateway.domain.delivery import DeliveryState
from gateway.domain.endpoint_refusals import EndpointNotFound
from gateway.domain.publicity import Notice
from gateway.domain.signing import Scheme, SigningKey, signed_headers
from gateway.handlers.attempts import Attempting
from gateway.handlers.dispatch_state import DispatchState
from gateway.handlers.forgetting import forgetting
from gateway.handlers.replay import replay_failed, replay_one, replay_range
from gateway.handlers.webhook_seals import HEADERS
from gateway.ports.sender import Answer
from tests.fakes.deliveries import FakeSender, OpenSeals, Sent, answer
from tests.fakes.gateway import MOMENT, FakeWork, PowerCut
from tests.unit.gateway.post import World, delivered, endpoint, key, players_changed

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def world() -> World:
    return World()


def signature(sent: Sent, fill: bytes) -> str:
    at = MOMENT.fromtimestamp(int(sent.headers["webhook-timestamp"]), tz=MOMENT.tzinfo)
    keys = [SigningKey(Scheme.HMAC, fill * 32)]
    return signed_headers(sent.body, id=sent.id, at=at, keys=keys)["webhook-signature"]


class TestFanOut:
    async def test_an_event_goes_to_its_owner_s_endpoints_and_to_global_ones(self, world: World):
        await world.add(
            endpoint("whk_mine"),
            endpoint("whk_other", owner_id="usr_2"),
            endpoint("whk_all", owner_id=None),
            endpoint("whk_off", enabled=False),
            endpoint("whk_typed", types=("server.*",)),
            endpoint("whk_exact", types=("server.players_changed",)),
            endpoint("whk_else", types=("operation.*", "server")),
            endpoint("whk_env", filter={"data.server.labels.env": "prod"}),
            endpoint("whk_test", filter={"data.server.labels.env": {"$ne": "prod"}}),
        )

        await world.tell(players_changed())

        got = {name.removeprefix("whk_") for name, _ in world.work.deliveries.rows}
        assert got == {"mine", "all", "typed", "exact", "env"}

    async def test_an_event_for_one_endpoint_goes_there_alone_whatever_it_asked_for(
        self, world: World
    ):
        await world.add(endpoint(types=("operation.*",)), endpoint("whk_2", owner_id=None))

        await world.tell(replace(players_changed(), only_for="whk_1"))

        assert [name for name, _ in world.work.deliveries.rows] == ["whk_1"]

    async def test_a_filter_that_fails_keeps_no_event_from_the_others(self, world: World):
        # Checked when it was set; what it was checked by may have changed since.
        await world.add(endpoint(filter={"data.players": {"$former": 1}}), endpoint("whk_2"))

        [event] = await world.tell(players_changed())

        assert event.position == 1
        assert [name for name, _ in world.work.deliveries.rows] == ["whk_2"]

    async def test_nobody_is_told_how_it_does_itself(self, world: World):
        await world.add(endpoint(), endpoint("whk_2"))
        about: Notice = replace(
            players_changed(), subject_id="whk_1", type="webhook.endpoint_failing"
        )

        await world.tell(about)

        assert [name for name, _ in world.work.deliveries.rows] == ["whk_2"]


class TestAttempts:
    async def test_f64_both_keys_sign_for_as_long_as_the_old_one_lives(self, world: World):
        world.sender.says = lambda _: answer(500)
        old = key("whk_1", expires_at=MOMENT + 24 * HOUR, fill=b"o")
        await world.add(endpoint())
        await world.tell(players_changed())
        await world.deliver()
        rotated = endpoint(keys=(key("whk_1", fill=b"n"), old))
        world.work.endpoints.rows["whk_1"] = rotated

        await world.pass_time(28 * HOUR)

        first, second, *_, last = world.sender.sent
        assert first.headers["webhook-signature"] == signature(first, b"k")
        both = f"{signature(second, b'n')} {signature(second, b'o')}"
        assert second.headers["webhook-signature"] == both
        assert last.headers["webhook-signature"] == signature(last, b"n")

    async def test_f65_the_timestamp_is_that_of_the_attempt(self, world: World):
        world.sender.says = lambda _: answer(500)
        await world.add(endpoint())
        await world.tell(players_changed())

        await world.pass_time(10 * MINUTE)

        at = [int(sent.headers["webhook-timestamp"]) for sent in world.sender.sent]
        began = int(MOMENT.timestamp())
        assert at == [began, began + 5, began + 305]
        assert [sent.headers["webhook-attempt"] for sent in world.sender.sent] == ["1", "2", "3"]
        assert len({sent.body for sent in world.sender.sent}) == 1
        assert len(set(world.sender.ids())) == 1

    async def test_own_headers_are_sent_and_take_the_place_of_none_of_ours(self, world: World):
        own = json.dumps({"Authorization": "Bearer x", "Webhook-Id": "forged"}).encode()
        sealed = OpenSeals().seal(own, server_id="whk_1", pointer=HEADERS)
        await world.add(endpoint(headers=sealed))
        [event] = await world.tell(players_changed())

        await world.deliver()

        [sent] = world.sender.sent
        assert sent.headers["authorization"] == "Bearer x"
        assert sent.id == event.id
        assert sent.headers["content-type"] == "application/json"
        assert sent.headers["user-agent"] == "Spawnyard-Webhooks/1"
        assert json.loads(sent.body)["data"]["players"] == 1

    async def test_a_chat_gets_its_own_shape(self, world: World):
        await world.add(endpoint(format=Format.DISCORD))
        await world.tell(players_changed())

        await world.deliver()

        assert "embeds" in json.loads(world.sender.sent[0].body)

    async def test_keys_that_do_not_open_are_a_failed_attempt_not_a_dead_worker(self, world: World):
        await world.add(endpoint(keys=(replace(key("whk_2"), sealed="nonsense"),)))
        await world.tell(players_changed())

        await world.deliver()

        assert world.sender.sent == []
        assert world.attempts()[0].error
        assert len(world.pending()) == 1


class TestOrder:
    async def test_a_server_s_next_event_waits_for_the_former(self, world: World):
        down = True
        world.sender.says = lambda _: answer(500 if down else 204)
        await world.add(endpoint(in_order=True))
        first, second = await world.tell(players_changed(1), players_changed(2))
        [other] = await world.tell(players_changed(3, server_id="srv_2"))

        await world.pass_time(2 * SECOND)
        before = set(world.sender.ids())
        down = False
        await world.pass_time(10 * SECOND)

        assert before == {first.id, other.id}
        times = [sent for sent in world.sender.ids() if sent in (first.id, second.id)]
        assert times[-2:] == [first.id, second.id]

    async def test_a_former_one_holds_up_the_next_for_15_minutes_at_most(self, world: World):
        await world.add(endpoint(in_order=True))
        first, second = await world.tell(players_changed(1), players_changed(2))
        world.sender.says = lambda sent: answer(500 if sent.id == first.id else 204)

        await world.pass_time(14 * MINUTE)
        before = set(world.sender.ids())
        world.clock.now += 2 * MINUTE
        await world.deliver()

        assert before == {first.id}
        assert world.delivery(second).state is DeliveryState.SUCCEEDED

    async def test_where_all_that_is_due_waits_nobody_looks_in_a_tight_circle(self, world: World):
        world.sender.says = lambda _: answer(500)
        await world.add(endpoint(in_order=True))
        await world.tell(players_changed(1), players_changed(2))
        await world.deliver()
        assert not world.pause_left()

        await world.deliver()

        assert world.pause_left() == SECOND
        assert len(world.sender.sent) == 1


class TestCalledOff:
    async def test_f66_nothing_is_sent_to_an_endpoint_that_was_removed(self, world: World):
        world.sender.says = lambda _: answer(500)
        await world.add(endpoint())
        await world.tell(players_changed())
        await world.deliver()

        async with world.work() as tx:
            await tx.endpoints.remove("whk_1")
        world.clock.now += MINUTE
        await world.deliver()

        assert len(world.sender.sent) == 1
        [*_] = [_ async for _ in forgetting(work=world.work, before=MOMENT)]
        assert (world.attempts(), world.pending()) == ([], [])

    async def test_f66_removed_while_attempts_are_under_way_no_more_begin(self, world: World):
        def remove(_: Sent) -> Answer:
            world.work.endpoints.rows.clear()
            world.work.deliveries.rows.clear()
            return answer(204)

        world.sender.says = remove
        await world.add(endpoint(max_in_flight=1))
        await world.tell(*(players_changed(n) for n in range(60)))

        await world.deliver()

        # As many as are written down together, and one that had begun by then.
        assert len(world.sender.sent) <= 21
        assert world.attempts() == []


class TestReplay:
    async def test_f67_one_goes_out_again_under_the_same_id(self, world: World):
        await world.add(endpoint())
        [event] = await world.tell(players_changed())
        await world.deliver()

        world.clock.now += HOUR
        found = await replay_one(endpoint(), event.id, work=world.work, at=world.clock())
        await world.deliver()

        assert found
        assert world.sender.ids() == [event.id, event.id]
        assert [row.number for row in world.attempts()] == [1, 2]
        assert world.delivery(event).state is DeliveryState.SUCCEEDED

    async def test_f67_replayed_while_pending_it_begins_anew_under_the_same_id(self, world: World):
        world.sender.says = lambda _: answer(500)
        await world.add(endpoint())
        [event] = await world.tell(players_changed())
        await world.pass_time(3 * HOUR)
        tries = world.delivery(event).tries

        await replay_range(
            endpoint(), after=0, before=event.position + 1, work=world.work, at=world.clock()
        )
        await world.deliver()

        assert tries == 5
        assert (world.delivery(event).tries, world.delivery(event).attempts) == (1, 6)
        assert set(world.sender.ids()) == {event.id}

    async def test_f67_a_range_brings_what_was_never_sent_if_it_is_wanted(self, world: World):
        events = await world.tell(
            *(players_changed(n) for n in range(4)), players_changed(9, owner_id="usr_2")
        )
        hook = endpoint(filter={"data.players": {"$gte": 1}})
        await world.add(hook)

        found = await replay_range(hook, after=1, before=6, work=world.work, at=world.clock())
        await world.deliver()

        assert (found.count, found.reached) == (3, 5)
        assert sorted(world.sender.ids()) == sorted(event.id for event in events[1:4])

    async def test_f67_all_that_failed_since_a_time_goes_out_again(self, world: World):
        world.sender.says = lambda _: answer(500)
        await world.add(endpoint())
        await world.tell(players_changed(1))
        await world.pass_time(30 * HOUR)
        between = world.clock()
        [later] = [e for e in await world.tell(players_changed(2)) if e.subject_id == "srv_1"]
        await world.pass_time(30 * HOUR)
        before = len(world.sender.sent)

        found = await replay_failed(endpoint(), since=between, work=world.work, at=world.clock())
        await world.deliver()

        assert found.count == 1
        assert world.sender.ids()[before:] == [later.id]

    async def test_f67_of_much_that_failed_the_rest_is_gone_on_with(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("gateway.handlers.replay.BATCH", 2)
        monkeypatch.setattr("gateway.handlers.replay.MOST", 4)
        world.sender.says = lambda _: answer(500)
        await world.add(endpoint())
        events = await world.tell(*(players_changed(n) for n in range(5)))
        await world.pass_time(30 * HOUR)

        at = world.clock()
        first = await replay_failed(endpoint(), since=MOMENT, work=world.work, at=at)
        rest = await replay_failed(
            endpoint(), since=MOMENT, after=first.reached, work=world.work, at=at
        )

        assert (first.count, first.reached, first.is_all) == (4, events[3].position, False)
        assert (rest.count, rest.reached, rest.is_all) == (1, events[4].position, True)
        assert len(world.pending()) == 5

    async def test_nobody_replays_what_is_not_theirs(self, world: World):
        [event] = await world.tell(players_changed(owner_id="usr_2"))

        assert not await replay_one(endpoint(), event.id, work=world.work, at=MOMENT)
        assert not await replay_one(endpoint(), "evt_none", work=world.work, at=MOMENT)
        assert world.work.deliveries.rows == {}

    async def test_nothing_is_replayed_to_an_endpoint_removed_meanwhile(self, world: World):
        [event] = await world.tell(players_changed())

        with pytest.raises(EndpointNotFound):
            await replay_one(endpoint(), event.id, work=world.work, at=MOMENT)
        with pytest.raises(EndpointNotFound):
            await replay_range(endpoint(), after=0, before=9, work=world.work, at=MOMENT)

        assert world.work.deliveries.rows == {}


class Cut(Exception):
    """The process ends here."""


@dataclass
class Power:
    """Lets so many awaits pass, and then none: the process is dead."""

    left: int

    def tick(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Cut


@dataclass
class Cutting:
    """The sender and the transactions of a process that may end at every await."""

    world: World
    power: Power

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        self.power.tick()
        found = await self.world.sender.post(url, headers=headers, body=body)
        self.power.tick()
        return found

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator[FakeWork]:
        self.power.tick()
        async with self.world.work() as tx:
            yield tx
            self.power.tick()
        self.power.tick()


async def test_f68_cut_at_every_await_everything_arrives_under_its_own_id():
    point = 0
    for point in range(200):
        world = World()
        await world.add(endpoint(in_order=point % 2 == 1))
        events = await world.tell(*(players_changed(n) for n in range(3)))
        cutting = Cutting(world, Power(point))
        attempting = Attempting(sender=cutting, opener=OpenSeals(), clock=world.clock)
        state = replace(world.state, attempting=attempting)
        was_cut = False
        try:
            await delivered("whk_1", work=cutting, state=state)
        except Cut:
            was_cut = True
        world.start()
        await world.pass_time(MINUTE)

        states = {world.delivery(event).state for event in events}
        assert states == {DeliveryState.SUCCEEDED}, point
        assert set(world.sender.ids()) == {event.id for event in events}, point
        assert world.kept().enabled
        if not was_cut and cutting.power.left >= 0:
            break
    assert 10 < point < 199


async def test_f68_a_fan_out_cut_anywhere_leaves_each_event_on_its_way_once():
    for cut in ("before commit", "after commit"):
        world = World()
        await world.add(endpoint())
        async with world.work() as tx:
            await tx.public_events.add(players_changed())
        world.work.cut = cut
        with pytest.raises(PowerCut):
            await world.number()

        await world.number()

        assert len(world.pending()) == 1


@dataclass
class RealTime:
    """Endpoints in real time: one of them hangs."""

    arrived: dict[str, list[float]]
    most_at_once: int = 0
    at_once: int = 0

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if "hang" in url:
                await asyncio.sleep(30)
            await asyncio.sleep(0.001)
            self.arrived.setdefault(url, []).append(asyncio.get_running_loop().time())
            return answer()
        finally:
            self.at_once -= 1


async def test_f63_an_endpoint_that_hangs_keeps_nobody_else_waiting():
    world = World()
    world.clock.now = now()
    names = [f"whk_{n}" for n in range(3)]
    await world.add(endpoint("whk_hang", max_in_flight=50), *(endpoint(name) for name in names))
    await world.tell(*(players_changed(n) for n in range(30)))
    sender = RealTime({})
    attempting = Attempting(sender=sender, opener=OpenSeals(), clock=now)
    state = DispatchState(attempting=attempting, clock=now)
    began = asyncio.get_running_loop().time()

    hanging = asyncio.create_task(delivered("whk_hang", work=world.work, state=state))
    await asyncio.sleep(0.05)
    await asyncio.gather(*(delivered(name, work=world.work, state=state) for name in names))
    took = asyncio.get_running_loop().time() - began
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)

    assert len(sender.arrived) == 3
    assert all(len(times) == 30 for times in sender.arrived.values())
    assert took < 20
    assert sender.most_at_once <= 10 + 2 * 3
    assert sender.at_once == 0  # nothing goes on once the lease is lost


async def test_no_more_than_the_rate_and_the_hands_of_an_endpoint():
    world = World()
    await world.add(endpoint(rate=2.0, max_in_flight=2))
    await world.tell(*(players_changed(n) for n in range(6)))
    times: list[timedelta] = []

    def seen(_: Sent) -> Answer:
        times.append(world.clock() - MOMENT)
        return answer()

    world.sender = FakeSender(says=seen)
    world.start()
    await world.deliver()

    assert times == [n * SECOND / 2 for n in range(6)]
