"""Connections are kept apart for each origin, no longer than needed and not too many."""

import asyncio
from dataclasses import dataclass, field

import httpcore
import pytest

from gateway.adapters import kept_connections
from gateway.adapters.kept_connections import KEPT, KeptConnections
from gateway.domain.target import Target
from tests.unit.gateway.receiver import BODY, FINE, receiving, sending


@dataclass
class Pools:
    made: list["Pool"] = field(default_factory=list["Pool"])

    def make(self, encrypted: bool) -> httpcore.AsyncConnectionPool:
        pool = Pool(encrypted)
        self.made.append(pool)
        return pool

    @property
    def closed(self) -> list[int]:
        return [number for number, pool in enumerate(self.made) if pool.is_closed]


class Pool(httpcore.AsyncConnectionPool):
    def __init__(self, encrypted: bool) -> None:
        super().__init__()
        self.encrypted, self.is_closed = encrypted, False

    async def aclose(self) -> None:
        self.is_closed = True


def target(host: str = "a.example", *, encrypted: bool = True, port: int = 443) -> Target:
    return Target(encrypted=encrypted, host=host, port=port, path="/")


async def test_each_origin_has_a_pool_of_its_own_and_meets_it_again() -> None:
    pools = Pools()
    kept = KeptConnections(pools.make)
    origins = [target(), target("b.example"), target(port=444), target(encrypted=False)]

    for _ in range(2):
        for one in origins:
            async with kept.to(one) as pool:
                assert pool is pools.made[origins.index(one)]

    assert [pool.encrypted for pool in pools.made] == [True, True, True, False]
    assert pools.closed == []
    await kept.aclose()
    assert pools.closed == [0, 1, 2, 3]


async def test_of_many_origins_those_unused_for_longest_are_let_go() -> None:
    pools = Pools()
    kept = KeptConnections(pools.make)

    async with kept.to(target("busy.example")):
        for number in range(KEPT + 3):
            async with kept.to(target(f"{number}.example")):
                pass

    assert pools.closed == [1, 2]


async def test_what_nobody_used_for_long_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    pools = Pools()
    kept = KeptConnections(pools.make)
    time = 100.0
    monkeypatch.setattr(kept_connections, "monotonic", lambda: time)
    async with kept.to(target("long.example")), kept.to(target("gone.example")):
        time += 60
        async with kept.to(target("new.example")):
            assert pools.closed == []

    time += 60
    async with kept.to(target("new.example")):
        assert pools.closed == [0, 1]


async def test_what_nobody_uses_is_let_go_though_nobody_sends_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept_connections, "KEPT_FOR", 0.2)
    pools = Pools()
    kept = KeptConnections(pools.make)

    for _ in range(2):
        async with kept.to(target("one.example")):
            await asyncio.sleep(0.3)
        async with kept.to(target("other.example")):
            pass
        await asyncio.sleep(0.1)
        before = len(pools.closed)
        await asyncio.sleep(0.3)

        assert (before, len(pools.closed)) == (len(pools.made) - 2, len(pools.made))

    await kept.aclose()


async def test_each_of_many_receivers_is_connected_to_once() -> None:
    async with receiving(FINE) as one, receiving(FINE) as other, sending() as sender:
        for _ in range(3):
            for receiver in (one, other):
                await sender.post(receiver.url, headers={}, body=BODY)

    assert (one.connections, other.connections) == (1, 1)
