"""Health tells what fails, and never why in words that could hold a secret."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from common.health import Check, health_routes


async def fine() -> None:
    return


async def broken() -> None:
    raise ConnectionError("postgresql://yard:hunter2@db")


async def silent() -> None:
    await asyncio.sleep(60)


async def ask(path: str, **checks: Check) -> httpx.Response:
    app = FastAPI()
    app.include_router(health_routes(checks, service="gateway"))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path)


async def test_ready_when_everything_answers():
    answer = await ask("/readyz", database=fine, messages=fine)

    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "ok", "messages": "ok"}


async def test_the_failing_dependency_is_named_and_its_words_are_not_repeated():
    answer = await ask("/readyz", database=broken, messages=fine)

    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "ConnectionError", "messages": "ok"}
    assert "hunter2" not in answer.text


async def test_a_dependency_that_says_nothing_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("common.health.PATIENCE", 0.05)

    assert (await ask("/readyz", messages=silent)).json()["checks"] == {"messages": "TimeoutError"}


async def test_it_is_alive_even_when_a_dependency_is_not():
    assert (await ask("/healthz", database=broken)).status_code == 200


async def test_metrics_are_in_prometheus_format():
    assert "# TYPE process_max_fds gauge" in (await ask("/metrics")).text
