"""Questions between services: answered by one copy, refused with a reason, no long wait."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import pytest

from common.messaging.ask import (
    Answer,
    AnswerRefused,
    NobodyAnswers,
    Refusal,
    answer_questions,
    ask,
)
from common.messaging.connection import Bus

pytestmark = pytest.mark.integration


@asynccontextmanager
async def answering(bus: Bus, answers: Mapping[str, Answer]) -> AsyncGenerator[None]:
    task = asyncio.create_task(answer_questions(bus, "vm-service", answers))
    await asyncio.sleep(0)
    await bus.client.flush()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def echo(body: bytes) -> bytes:
    return body + b"!"


async def test_a_question_gets_its_answer(bus: Bus) -> None:
    async with answering(bus, {"echo": echo}):
        assert await ask(bus, "vm-service", "echo", b"hello", timeout=60) == b"hello!"


async def test_a_slow_answer_keeps_no_other_waiting(bus: Bus) -> None:
    async def slow(_: bytes) -> bytes:
        await asyncio.sleep(60)
        return b""

    async with answering(bus, {"slow": slow, "echo": echo}):
        waiting = asyncio.create_task(ask(bus, "vm-service", "slow", b"", timeout=60))
        assert await ask(bus, "vm-service", "echo", b"quick", timeout=60) == b"quick!"
        waiting.cancel()


async def test_a_refusal_says_why_and_what_helps(bus: Bus) -> None:
    said = Refusal(code="no", detail="not today", remedy="come tomorrow", pointer="/url")

    async def refuse(_: bytes) -> bytes:
        raise AnswerRefused(said)

    async with answering(bus, {"refuse": refuse}):
        with pytest.raises(AnswerRefused) as refused:
            await ask(bus, "vm-service", "refuse", b"", timeout=60)

    assert refused.value.refusal == said


async def test_a_bug_in_an_answer_tells_nothing_of_itself(bus: Bus) -> None:
    async def broken(_: bytes) -> bytes:
        raise ValueError("the secret is 42")

    async with answering(bus, {"broken": broken}):
        with pytest.raises(AnswerRefused, match="its log says why") as refused:
            await ask(bus, "vm-service", "broken", b"", timeout=60)
        with pytest.raises(AnswerRefused, match="no such question"):
            await ask(bus, "vm-service", "unheard", b"", timeout=60)

    assert "42" not in refused.value.refusal.model_dump_json()


async def test_where_nobody_is_the_asker_learns_it_at_once(bus: Bus) -> None:
    with pytest.raises(NobodyAnswers, match="is not there"):
        await ask(bus, "vm-service", "echo", b"", timeout=60)
