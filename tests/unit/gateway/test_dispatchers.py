"""Dispatchers beside each other: fair to all owners, in step with copies, and how they end."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise

from common.contracts.base import now
from gateway.handlers.attempts import Attempting
from gateway.handlers.dispatch_state import DispatchState
from gateway.ports.sender import Answer, NotSent, Reason
from gateway.ports.work import Work
from tests.fakes.deliveries import OpenSeals, answer
from tests.fakes.gateway import MOMENT
from tests.unit.gateway.post import World, delivered, endpoint, players_changed

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@dataclass
class Receivers:
    """In real time: all but ``prompt`` ones take their time, and then answer or do not."""

    takes: float
    prompt: str = "prompt"
    answers: bool = True
    claims: float = 0.0
    arrived: list[str] = field(default_factory=list[str])

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        if self.prompt in url:
            self.arrived.append(url)
            return answer()
        await asyncio.sleep(self.takes)
        self.arrived.append(url)
        if not self.answers:
            raise NotSent(Reason.TIMEOUT, "nothing came")
        return Answer(status=200, retry_after=None, body=b"", took=self.claims)


def state_for(sender: Receivers) -> DispatchState:
    return DispatchState(
        attempting=Attempting(sender=sender, opener=OpenSeals(), clock=now), clock=now
    )


async def waits(world: World, state: DispatchState, slow: list[str]) -> float:
    """Return how long the prompt endpoint waits while others are delivered to."""
    busy = [asyncio.create_task(delivered(name, work=world.work, state=state)) for name in slow]
    await asyncio.sleep(0.3)
    began = asyncio.get_running_loop().time()
    await delivered("whk_prompt", work=world.work, state=state)
    waited = asyncio.get_running_loop().time() - began
    for one in busy:
        one.cancel()
    await asyncio.gather(*busy, return_exceptions=True)
    return waited


async def test_f63_fifty_slow_ones_of_one_owner_keep_another_s_waiting_for_nothing():
    world = World()
    names = [f"whk_{n}" for n in range(50)]
    await world.add(*(endpoint(name, owner_id="usr_2", max_in_flight=10) for name in names))
    await world.add(endpoint("whk_prompt"))
    await world.tell(*(players_changed(n, owner_id="usr_2") for n in range(10)), players_changed())

    assert await waits(world, state_for(Receivers(takes=30)), names) < 10


async def test_f63_many_that_fail_keep_another_owner_s_that_failed_once_waiting_for_nothing():
    world = World()
    names = [f"whk_{n}" for n in range(20)]
    failing = {"failing_since": MOMENT}
    await world.add(*(endpoint(name, owner_id="usr_2", **failing) for name in names))
    await world.add(endpoint("whk_prompt", **failing))
    await world.tell(*(players_changed(n, owner_id="usr_2") for n in range(4)), players_changed())

    assert await waits(world, state_for(Receivers(takes=30, answers=False)), names) < 10


async def test_f63_who_is_slow_waits_with_those_that_fail_until_it_is_quick_again():
    world = World()
    await world.add(endpoint("whk_slow"), endpoint("whk_prompt"))
    await world.tell(players_changed())
    receivers = Receivers(takes=0.0, claims=3.0)
    state = state_for(receivers)

    await delivered("whk_slow", work=world.work, state=state)
    await delivered("whk_prompt", work=world.work, state=state)
    slow = set(state.places.poor)
    receivers.claims = 0.1
    await world.tell(players_changed(2))
    await delivered("whk_slow", work=world.work, state=state)

    assert slow == {"whk_slow"}
    assert state.places.poor == set()


async def test_f63_who_turns_out_to_be_slow_while_others_of_it_wait_lets_go_of_the_good_places():
    world = World()
    await world.add(endpoint("whk_slow", max_in_flight=10))
    await world.tell(*(players_changed(n) for n in range(10)))
    receivers = Receivers(takes=0.3, answers=False)
    state = state_for(receivers)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(30):  # two are left of the owner's
            tasks.create_task(_stay(state))
        await asyncio.sleep(0.1)
        tasks.create_task(delivered("whk_slow", work=world.work, state=state))
        await asyncio.sleep(0.5)
        arrived = len(receivers.arrived)
        await asyncio.sleep(0.3)

    assert arrived == 2
    assert len(receivers.arrived) == 10, "the others went by the other lane, eight at a time"


async def _stay(state: DispatchState) -> None:
    async with state.places.one_for(endpoint("whk_other")):
        await asyncio.sleep(1.5)


async def test_a_rate_holds_for_all_copies_together_and_after_a_restart():
    world = World()
    await world.add(endpoint(rate=0.1))
    await world.tell(*(players_changed(n) for n in range(5)))

    for _ in range(3):  # three copies, or three lives of one
        world.start()
        await world.deliver()
    at_once = len(world.sender.sent)
    world.clock.now += 8 * SECOND
    world.start()
    await world.deliver()
    early = len(world.sender.sent)
    world.clock.now += 2 * SECOND
    world.start()
    await world.deliver()

    assert (at_once, early, len(world.sender.sent)) == (1, 1, 2)


async def test_a_pause_ends_in_time_though_the_clock_was_set_back():
    world = World()
    world.state.pause(endpoint(), 5 * SECOND)
    set_back = DispatchState(
        attempting=world.state.attempting,
        clock=lambda: MOMENT - HOUR,
        seconds=world.clock.seconds,
        pauses=world.state.pauses,
    )

    left = set_back.pause_left("whk_1", 1)
    world.clock.now += 5 * SECOND

    assert left == 5 * SECOND
    assert not set_back.pause_left("whk_1", 1)


async def test_f68_who_is_asked_to_stop_writes_down_what_was_answered():
    world = World()
    await world.add(endpoint("whk_prompt", max_in_flight=10))
    await world.tell(*(players_changed(n) for n in range(15)))
    receivers = Receivers(takes=0)
    going = asyncio.create_task(
        delivered("whk_prompt", work=world.work, state=state_for(receivers))
    )
    while len(receivers.arrived) < 10:
        await asyncio.sleep(0)

    going.cancel()
    await asyncio.gather(going, return_exceptions=True)

    assert going.cancelled()
    assert 10 <= len(receivers.arrived) == len(world.attempts("whk_prompt"))


async def test_f68_who_is_asked_to_stop_waits_a_moment_for_answers_and_begins_nothing():
    world = World()
    names = [f"whk_{n}" for n in range(4)]
    await world.add(*(endpoint(name, max_in_flight=10) for name in names))
    await world.tell(*(players_changed(n) for n in range(20)))
    receivers = Receivers(takes=0.25)
    state = state_for(receivers)
    going = [asyncio.create_task(delivered(name, work=world.work, state=state)) for name in names]
    await asyncio.sleep(0.1)

    for one in going:
        one.cancel()
    await asyncio.gather(*going, return_exceptions=True)

    assert len(receivers.arrived) == 32
    assert sum(len(world.attempts(name)) for name in names) == 32


async def test_a_rate_is_kept_though_places_come_late_and_together():
    world = World()
    failing = endpoint("whk_prompt", rate=10, max_in_flight=10, failing_since=MOMENT)
    await world.add(failing)
    await world.tell(*(players_changed(n) for n in range(4)))
    receivers, times = Receivers(takes=0), list[float]()
    state = state_for(receivers)

    async def crowd() -> None:
        async with state.places.one_for(endpoint("whk_other", failing_since=MOMENT)):
            await asyncio.sleep(1)

    crowding = [asyncio.create_task(crowd()) for _ in range(8)]
    going = asyncio.create_task(delivered("whk_prompt", work=world.work, state=state))
    while not going.done():
        if len(receivers.arrived) > len(times):
            times += [asyncio.get_running_loop().time()] * (len(receivers.arrived) - len(times))
        await asyncio.sleep(0.001)
    await asyncio.gather(going, *crowding)

    assert len(times) == 4
    assert min(after - before for before, after in pairwise(times)) > 0.05


async def test_a_pause_that_ends_while_something_is_written_down_ends_no_round():
    world = World()
    await world.add(endpoint(rate=20, max_in_flight=1))
    await world.tell(*(players_changed(n) for n in range(10)))

    @asynccontextmanager
    async def slow_work() -> AsyncGenerator[Work]:
        async with world.work() as tx:
            yield tx
        world.clock.now += timedelta(milliseconds=60)

    await delivered("whk_1", work=slow_work, state=world.state)

    assert len(world.sender.sent) == 10


async def moved(world: World, url: str = "https://new.example/hook") -> None:
    async with world.work() as tx:
        row = await tx.endpoints.hold("whk_1")
        assert row is not None
        await tx.endpoints.save(replace(row, url=url, revision=row.revision + 1))


async def test_an_endpoint_is_not_judged_by_what_came_from_where_it_was_before():
    world = World()
    await world.add(endpoint(max_in_flight=1))
    await world.tell(*(players_changed(n) for n in range(3)))

    async def post(url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        urls.append(url)
        if "new" not in url:
            await moved(world)
        return answer(204 if "new" in url else 410)

    urls = list[str]()
    world.sender.post = post
    world.start()
    await world.deliver()
    await world.deliver()

    kept = world.kept()
    assert (kept.enabled, kept.failing_since, world.told()) == (True, None, [])
    assert [url.split("/")[2] for url in urls] == ["whk_1.example", *["new.example"] * 3]
    assert world.pending() == []


async def test_where_an_endpoint_moved_to_no_former_wish_to_wait_counts():
    world = World()
    await world.add(endpoint())
    world.sender.says = lambda sent: answer(204 if "new" in sent.url else 503, retry_after="3600")
    await world.tell(players_changed(1))
    await world.deliver()
    before = world.pause_left()

    await moved(world)
    await world.tell(players_changed(2))
    await world.deliver()

    assert before == HOUR
    assert [sent.url.split("/")[2] for sent in world.sender.sent][1:] == ["new.example"]


async def test_who_turns_out_to_fail_is_let_go_of_once_nothing_is_under_way():
    world = World()
    await world.add(endpoint(max_in_flight=2))
    await world.tell(*(players_changed(n) for n in range(10)))
    world.sender.says = lambda _: answer(500)

    await world.deliver()
    first = len(world.sender.sent)
    await world.deliver()

    assert first == 2
    assert len(world.sender.sent) == 10
    assert len(world.attempts()) == 10


async def test_who_turned_out_to_fail_elsewhere_does_not_wait_on_for_a_place():
    world = World()
    await world.add(endpoint(max_in_flight=2))
    await world.tell(*(players_changed(n) for n in range(10)))
    state = state_for(Receivers(takes=0))

    async with AsyncExitStack() as crowd:
        for n in range(40):
            await crowd.enter_async_context(state.places.one_for(endpoint(owner_id=f"usr_{n}")))
        going = asyncio.create_task(delivered("whk_1", work=world.work, state=state))
        await asyncio.sleep(0.2)
        state.places.poor.add("whk_1")
        await asyncio.wait_for(going, 30)

    assert len(world.pending()) == 10
    assert world.attempts() == []
