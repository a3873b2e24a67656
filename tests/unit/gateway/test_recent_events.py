"""Those who follow events share one reader, and each still gets all of its own once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.domain.publicity import Published
from gateway.handlers import recent_events
from gateway.handlers.public_events import News, follow
from gateway.ports.public_events import Sought
from tests.fakes.gateway import FakePublicEvents, FakeWork
from tests.unit.gateway.post import players_changed

ALL = Sought(after=0, limit=0, owner_id=None)


@dataclass
class CountedEvents(FakePublicEvents):
    """``asked``: how often somebody looked for events."""

    asked: int = 0

    async def find(self, sought: Sought) -> Sequence[Published]:
        self.asked += 1
        await asyncio.sleep(0)
        return await super().find(sought)


@dataclass
class World:
    events: CountedEvents = field(default_factory=CountedEvents)
    news: News = field(default_factory=News)
    allowed: bool = True

    def __post_init__(self) -> None:
        self.work = FakeWork(public_events=self.events)

    async def tell(self, count: int = 1, **about: Any) -> None:
        await self.events.add(*(players_changed(n, **about) for n in range(count)))
        await self.events.number(limit=count)
        self.news.bell.ring()

    async def check(self) -> None:
        if not self.allowed:
            raise PermissionError

    def follow(self, heard: list[int], sought: Sought = ALL) -> asyncio.Task[None]:
        async def listen() -> None:
            async for event in follow(sought, work=self.work, news=self.news, check=self.check):
                heard.append(event.position)  # noqa: PERF401  each counts at once

        return asyncio.create_task(listen())

    async def until_all_heard(self, *those: list[int], count: int) -> None:
        async with asyncio.timeout(60):
            while any(len(heard) < count for heard in those):
                await asyncio.sleep(0.01)


async def test_twenty_followers_ask_no_more_than_one() -> None:
    world = World()
    heard: list[list[int]] = [[] for _ in range(20)]
    following = [world.follow(each) for each in heard]
    await world.tell()
    await world.until_all_heard(*heard, count=1)
    before = world.events.asked

    for number in range(2, 12):
        await world.tell()
        await world.until_all_heard(*heard, count=number)
    world.news.close()
    await asyncio.gather(*following)

    assert all(each == list(range(1, 12)) for each in heard)
    assert world.events.asked - before < 2 * 10


async def test_each_hears_its_own_alone_from_memory_as_from_the_database() -> None:
    world = World()
    mine = replace(ALL, owner_id="usr_2", types=("server.*",), subject_id="srv_9")
    late: list[int] = []
    early: list[int] = []
    following = [world.follow(early, mine)]
    await world.until_all_heard(count=0)
    for _ in range(3):
        await world.tell()
        await world.tell(owner_id="usr_2", server_id="srv_9")
        await world.tell(owner_id="usr_2")

    await world.until_all_heard(early, count=3)
    following.append(world.follow(late, mine))
    await world.until_all_heard(late, count=3)
    world.news.close()
    await asyncio.gather(*following)

    assert early == late == [2, 5, 8]


async def test_who_is_behind_what_is_held_misses_nothing() -> None:
    world = World()
    count = recent_events.KEPT * 2 + 50
    heard: list[int] = []
    other: list[int] = []
    following = [world.follow(other)]
    await world.tell()
    await world.until_all_heard(other, count=1)

    await world.tell(count)
    following.append(world.follow(heard))
    await world.until_all_heard(heard, other, count=count + 1)
    world.news.close()
    await asyncio.gather(*following)

    assert heard == other == list(range(1, count + 2))


async def test_nothing_is_told_to_who_may_not_listen_any_longer() -> None:
    world = World()
    heard: list[int] = []
    following = world.follow(heard)
    await world.tell()
    await world.until_all_heard(heard, count=1)

    world.allowed = False
    await asyncio.sleep(1.1)
    await world.tell()
    await asyncio.wait([following], timeout=60)

    assert isinstance(following.exception(), PermissionError)
    assert heard == [1]
