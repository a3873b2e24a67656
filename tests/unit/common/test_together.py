"""What is asked for at the same time is done in one go, and nobody pays for another's fault."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from common.together import Together


@dataclass
class Desk:
    """Doubles numbers; ``gate`` holds a go up, ``bad`` ones break all that they come with."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    bad: dict[int, Exception] = field(default_factory=dict[int, Exception])
    goes: list[list[int]] = field(default_factory=list[list[int]])

    async def double(self, several: Sequence[int]) -> Sequence[int | Exception]:
        self.goes.append(list(several))
        await self.gate.wait()
        for one in several:
            if one in self.bad:
                raise self.bad[one]
        return [KeyError(one) if one < 0 else one * 2 for one in several]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def asked(together: Together[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(together(number)) for number in numbers]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_who_comes_meanwhile_goes_with_the_next_and_gets_its_own(desk: Desk) -> None:
    together = Together(desk.double, most=3)

    tasks = await asked(together, 1)
    tasks += await asked(together, 2, 3, 4, 5)
    desk.gate.set()

    assert await asyncio.gather(*tasks) == [2, 4, 6, 8, 10]
    assert desk.goes == [[1], [2, 3, 4], [5]]
    assert await together(6) == 12


async def test_one_that_cannot_be_done_fails_alone(desk: Desk) -> None:
    desk.gate.set()
    desk.bad[3] = ValueError("three")
    together = Together(desk.double)

    found = await asyncio.gather(*(together(n) for n in (-1, 2, 3, 4)), return_exceptions=True)

    assert [str(one) for one in found] == ["-1", "4", "three", "8"]
    assert isinstance(found[0], KeyError)


async def test_what_cannot_be_reached_fails_for_all_at_once(desk: Desk) -> None:
    desk.gate.set()
    desk.bad[3] = ConnectionError("away")
    together = Together(desk.double)

    found = await asyncio.gather(*(together(n) for n in (2, 3, 4)), return_exceptions=True)

    assert [str(one) for one in found] == ["away"] * 3
    assert desk.goes == [[2, 3, 4]]


async def test_who_left_is_not_done_for_and_keeps_nobody_waiting(desk: Desk) -> None:
    together = Together(desk.double)
    tasks = await asked(together, 1)
    tasks += await asked(together, 2, 3)

    tasks[0].cancel()
    tasks[1].cancel()
    await asyncio.sleep(0)
    desk.gate.set()

    assert await tasks[2] == 6
    assert desk.goes == [[1], [3]]


async def test_closed_it_lets_all_go(desk: Desk) -> None:
    together = Together(desk.double)
    tasks = await asked(together, 1)
    tasks += await asked(together, 2)

    await together.aclose()

    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in found)
