"""Questions of the gateway over a real bus: answered, refused with a reason, or nobody there."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from common.messaging.ask import Answer, AnswerRefused, Refusal, answer_questions
from common.messaging.connection import Bus
from gateway.adapters.questions import BusQuestions
from gateway.domain.administration import AnswerFailed, HypervisorSettingsRefused, ServiceAway

pytestmark = pytest.mark.integration


@asynccontextmanager
async def answering(bus: Bus, answer: Answer) -> AsyncGenerator[None]:
    task = asyncio.create_task(answer_questions(bus, "vm-service", {"hypervisor.get": answer}))
    await asyncio.sleep(0)
    await bus.client.flush()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_answer_comes_back(bus: Bus) -> None:
    async def answer(body: bytes) -> bytes:
        return body + b"!"

    async with answering(bus, answer):
        said = await BusQuestions(bus).ask("hypervisor.get", b"well", timeout=60)

    assert said == b"well!"


async def test_where_nobody_is_it_says_when_to_come_again(bus: Bus) -> None:
    with pytest.raises(ServiceAway, match="vm-service is not there") as away:
        await BusQuestions(bus).ask("hypervisor.get", b"", timeout=60)

    assert away.value.retry_after > 0


async def test_a_refusal_keeps_its_field_and_its_remedy(bus: Bus) -> None:
    async def refuse(_: bytes) -> bytes:
        said = Refusal(
            code="hypervisor_settings_refused", detail="no pool", remedy="make it", pointer="/pool"
        )
        raise AnswerRefused(said)

    async with answering(bus, refuse):
        with pytest.raises(HypervisorSettingsRefused, match="no pool") as refused:
            await BusQuestions(bus).ask("hypervisor.get", b"", timeout=60)

    assert refused.value.remedy == "make it"
    assert [fault.pointer for fault in refused.value.faults] == ["/pool"]


async def test_a_fault_of_the_other_side_is_told_as_such(bus: Bus) -> None:
    async def fail(_: bytes) -> bytes:
        raise ValueError("the secret is 42")

    async with answering(bus, fail):
        with pytest.raises(AnswerFailed) as failed:
            await BusQuestions(bus).ask("hypervisor.get", b"", timeout=60)

    assert "42" not in f"{failed.value.detail}{failed.value.remedy}"
