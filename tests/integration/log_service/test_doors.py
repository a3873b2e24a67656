"""History and live stream as clients meet them: what opens the doors and what does not."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from common.contracts.logs import LogBatch, LogLine
from log_service.adapters.hub import Hub
from log_service.api import problems
from log_service.api.history import history_routes
from log_service.api.stream import Patience, stream_routes
from log_service.domain.stream import Page
from log_service.handlers import on_log_batch, read_page
from tests.conftest import free_port
from tests.fakes.log_service import FakeRecord, FakeTickets

pytestmark = pytest.mark.integration

LOG = "/v1/operations/op_1/log"
GOOD = {"Authorization": "Bearer good"}


@dataclass
class Client:
    """Speaks to the doors; ``watch`` returns the sequences seen and the closing code."""

    port: int

    async def get(
        self, headers: dict[str, str] | None = None, **params: str | int
    ) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as http:
            url = f"http://127.0.0.1:{self.port}{LOG}"
            return await http.get(url, headers=headers or GOOD, params=params)

    def socket(self, *, id: str = "op_1", query: str = "", origin: str | None = None) -> connect:
        url = f"ws://127.0.0.1:{self.port}/v1/operations/{id}/log/stream{query}"
        headers = {"Origin": origin} if origin else None
        return connect(url, additional_headers=headers, proxy=None)

    async def watch(self, first: object, *, origin: str | None = None) -> tuple[list[int], int]:
        seen: list[int] = []
        async with self.socket(origin=origin) as socket:
            await socket.send(first if isinstance(first, str) else json.dumps(first))
            while True:
                try:
                    frame: dict[str, Any] = json.loads(await socket.recv())
                except ConnectionClosed as end:
                    return seen, closing_code(end)
                seen += [line["sequence"] for line in frame.get("lines", [])]
                if frame["type"] == "end":
                    seen.append(-1)


def closing_code(end: ConnectionClosed) -> int:
    return end.rcvd.code if end.rcvd else 1006


@asynccontextmanager
async def served(app: FastAPI) -> AsyncGenerator[int]:
    config = uvicorn.Config(
        app,
        port=free_port(),
        log_config=None,
        ws="websockets-sansio",
        ws_max_size=65_536,
        lifespan="off",
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield config.port
    finally:
        await server.shutdown()


@pytest.fixture
async def client() -> AsyncGenerator[Client]:
    record = FakeRecord()
    lines = tuple(LogLine(key=str(n), text=f"line {n}") for n in range(1, 6))
    batch = LogBatch(stream_id="op_1", server_id="srv_1", writer="w", lines=lines, final=True)
    await on_log_batch(batch, work=record, announce=record.announce, mask=str)
    tickets = FakeTickets({"good": "op_1", "other": "op_2", "quiet": "op_3"})
    app = FastAPI()
    problems.install(app)
    app.include_router(history_routes(work=record, tickets=tickets))
    hub = Hub(partial(read_page, limit=2, work=record))
    patience = Patience(opening=0.3, closing=1)
    origins = ("https://panel.example",)
    app.include_router(stream_routes(hub=hub, tickets=tickets, origins=origins, patience=patience))
    async with served(app) as port:
        yield Client(port)


class TestHistory:
    async def test_it_comes_in_pages(self, client: Client):
        first = (await client.get(limit=3)).json()
        second = (await client.get(after=first["next_after"])).json()

        assert [item["text"] for item in first["items"]] == ["line 1", "line 2", "line 3"]
        assert (first["next_after"], first["ended"]) == (3, False)
        assert [item["sequence"] for item in second["items"]] == [4, 5]
        assert (second["next_after"], second["ended"]) == (5, True)

    async def test_beyond_the_end_there_is_nothing(self, client: Client):
        page = (await client.get(after=2**63 - 1)).json()

        assert page == {"items": [], "next_after": 2**63 - 1, "ended": True}

    @pytest.mark.parametrize(
        ("authorization", "status", "code"),
        [
            ("", 401, "ticket_refused"),
            ("good", 401, "ticket_refused"),
            ("Basic good", 401, "ticket_refused"),
            ("Bearer bad", 401, "ticket_refused"),
            ("Bearer other", 403, "ticket_for_another"),
        ],
    )
    async def test_only_the_right_ticket_opens_it(
        self, client: Client, authorization: str, status: int, code: str
    ):
        answer = await client.get({"Authorization": authorization})

        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == code
        assert "log-tickets" in answer.json()["remedy"]

    @pytest.mark.parametrize("name", ["ticket", "token", "access_token"])
    async def test_a_ticket_in_the_url_is_refused(self, client: Client, name: str):
        answer = await client.get(GOOD, **{name: "good"})

        assert (answer.status_code, answer.json()["code"]) == (400, "secret_in_url")

    @pytest.mark.parametrize("after", ["-1", "x", str(2**63), "1e3", ""])
    async def test_nonsense_is_refused_without_an_echo(self, client: Client, after: str):
        answer = await client.get(after=after, limit="secret-limit")

        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert "secret-limit" not in answer.text
        assert {"/query/after", "/query/limit"} == {e["pointer"] for e in answer.json()["errors"]}


class TestStream:
    @pytest.mark.parametrize("after", range(6))
    async def test_it_tells_the_rest_and_then_the_end(self, client: Client, after: int):
        first = {"type": "auth", "ticket": "good", "after": after}

        assert await client.watch(first) == ([*range(after + 1, 6), -1], 1000)

    @pytest.mark.parametrize(
        ("first", "code"),
        [
            ({"type": "auth", "ticket": "bad"}, 4401),
            ({"type": "auth", "ticket": "other"}, 4403),
            ({"type": "auth", "ticket": ""}, 4400),
            ({"type": "auth"}, 4400),
            ({"type": "hello", "ticket": "good"}, 4400),
            ({"type": "auth", "ticket": "good", "after": -1}, 4400),
            ({"type": "auth", "ticket": "good", "after": 2**63}, 4400),
            ({"type": "auth", "ticket": "good", "after": "1"}, 4400),
            ({"type": "auth", "ticket": "good", "also": 1}, 4400),
            ("not json", 4400),
            ("", 4400),
            ("x" * 70_000, 1009),
        ],
    )
    async def test_only_the_right_first_frame_opens_it(
        self, client: Client, first: object, code: int
    ):
        assert await client.watch(first) == ([], code)

    async def test_whoever_says_nothing_is_sent_away(self, client: Client):
        async with client.socket() as socket:
            with pytest.raises(ConnectionClosed) as end:
                await socket.recv()

        assert closing_code(end.value) == 4401

    async def test_a_chatterbox_is_sent_away(self, client: Client):
        async with client.socket(id="op_3") as socket:
            await socket.send(json.dumps({"type": "auth", "ticket": "quiet"}))
            with pytest.raises(ConnectionClosed) as end:
                for _ in range(10_000):
                    await socket.send("bla")
                    await asyncio.sleep(0)

        assert closing_code(end.value) == 1008

    @pytest.mark.parametrize("name", ["ticket", "token"])
    async def test_a_ticket_in_the_url_is_refused(self, client: Client, name: str):
        with pytest.raises(InvalidStatus) as refusal:
            await client.socket(query=f"?{name}=good")

        assert refusal.value.response.status_code == 400

    async def test_a_foreign_page_is_refused(self, client: Client):
        with pytest.raises(InvalidStatus) as refusal:
            await client.socket(origin="https://evil.example")

        assert refusal.value.response.status_code == 403

    @pytest.mark.parametrize("origin", ["https://panel.example", "http://127.0.0.1:{port}"])
    async def test_our_pages_are_welcome(self, client: Client, origin: str):
        first = {"type": "auth", "ticket": "good", "after": 4}

        seen = await client.watch(first, origin=origin.format(port=client.port))

        assert seen == ([5, -1], 1000)


async def test_a_record_that_is_away_is_told_as_such_at_both_doors():
    async def away(*_: object) -> Page:
        raise ConnectionError

    @asynccontextmanager
    async def nowhere() -> AsyncGenerator[FakeRecord]:
        raise ConnectionError
        yield  # makes it a generator

    tickets = FakeTickets({"good": "op_1"})
    app = FastAPI()
    problems.install(app)
    app.include_router(history_routes(work=nowhere, tickets=tickets))
    app.include_router(stream_routes(hub=Hub(away), tickets=tickets, origins=()))
    async with served(app) as port:
        answer = await Client(port).get()
        _, code = await Client(port).watch({"type": "auth", "ticket": "good"})

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert code == 1013
