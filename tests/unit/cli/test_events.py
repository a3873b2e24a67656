"""Following events: each once, in order, whatever happens to the connection."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest

from yard_cli.client import events as client
from yard_cli.client.credentials import Credentials, Login
from yard_cli.client.events import Event, following
from yard_cli.client.models import Tokens
from yard_cli.client.session import Session
from yard_cli.client.wire import Wire
from yard_cli.commands.events import line_of
from yard_cli.failure import Failure

URL = "http://gateway.test"
DOWN = b"a proxy's word that it is down"


def event(position: int, **data: Any) -> dict[str, Any]:
    return {
        "id": f"evt_{position}", "type": "server.ready", "subject": "srv_1",
        "time": "2026-01-01T12:00:00Z", "sequence": "1", "data": data,
    }  # fmt: skip


def told(position: int) -> bytes:
    return f"event: server.ready\ndata: {json.dumps(event(position))}\nid: {position}\n\n".encode()


class Gateway:
    """Has a page of history and plays one script per stream; a script ends or breaks."""

    def __init__(self, *scripts: Sequence[bytes | Exception], history: Sequence[int] = ()) -> None:
        self.scripts = list(scripts)
        self.history = history
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.url.path == "/v1/events":
            items = [{"position": n, "event": event(n)} for n in self.history]
            after = max(self.history, default=0)
            return httpx.Response(200, json={"items": items, "next_after": after})
        if not self.scripts:
            raise httpx.ConnectError("gone")
        if self.scripts[0] == [DOWN]:
            self.scripts.pop(0)
            return httpx.Response(502, text="Bad Gateway")
        told = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=told, content=self._play(self.scripts.pop(0)))

    async def _play(self, script: Sequence[bytes | Exception]) -> AsyncGenerator[bytes]:
        for part in script:
            if isinstance(part, Exception):
                raise part
            yield part


def wire(gateway: Gateway, folder: Path) -> Wire:
    credentials = Credentials(folder / "credentials.json")
    tokens = Tokens(access_token="good", refresh_token="more", expires_in=300)
    credentials.keep(URL, Login.of("ann", tokens))
    http = httpx.AsyncClient(transport=httpx.MockTransport(gateway), base_url=URL)
    return Wire(http, session=Session(http, url=URL, credentials=credentials))


async def heard(gateway: Gateway, folder: Path, count: int, **query: str) -> list[int]:
    found: list[int] = []
    async with aclosing(following(wire(gateway, folder), query=query, count=9)) as events:
        async for one in events:
            found.append(one.position)
            if len(found) == count:
                break
    return found


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAUSES", (0.0, 0.0))


async def test_history_comes_first_then_life_from_where_it_ends(tmp_path: Path) -> None:
    gateway = Gateway([b": ping\n\n", told(8), told(9)], history=(3, 7))

    assert await heard(gateway, tmp_path, 4, type="server.*") == [3, 7, 8, 9]
    page, stream = gateway.asked
    assert dict(page.url.params) == {"type": "server.*", "newest": "true", "limit": "9"}
    assert (stream.headers["last-event-id"], stream.headers["authorization"]) == (
        "7",
        "Bearer good",
    )


async def test_a_stream_that_breaks_goes_on_after_the_last_event(tmp_path: Path) -> None:
    half = told(3)[:40]
    gateway = Gateway([told(1)], [told(2), half, httpx.ReadError("cut")], [told(3)])

    assert await heard(gateway, tmp_path, 3) == [1, 2, 3]
    assert [one.headers.get("last-event-id") for one in gateway.asked[1:]] == ["0", "1", "2"]


async def test_a_gateway_that_stays_away_ends_it_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be followed") as failure:
        await heard(Gateway(), tmp_path, 1)

    assert failure.value.remedy == "see whether all services are well: ./yard status"


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"server": {"name": "arena"}, "connect": "10.0.0.9:30000"}, "arena  10.0.0.9:30000"),
        ({"server": {"name": "a"}, "players": 3, "max_players": 10}, "a  3 of 10 playing"),
        ({"server": {"name": "a"}, "players": 0}, "a  0 playing"),
        (
            {"server": {"name": "a"}, "operation": {"kind": "deploy"},
             "step": {"name": "clone", "state": "failed"}, "error": {"detail": "no space"}},
            "a  deploy  clone failed  no space",
        ),
        ({"webhook": {"name": "bot"}, "reason": "410 Gone"}, "bot  410 Gone"),
        ({"server": {"name": "a\x1b[31m"}}, "a\N{REPLACEMENT CHARACTER}[31m"),
        ({}, "srv_1"),
    ],
)  # fmt: skip
def test_a_line_tells_what_there_is_to_say(data: dict[str, Any], shown: str) -> None:
    line = line_of(Event.model_validate(event(1, **data))).plain

    assert line.split("server.ready", 1)[1].split() == shown.split()


async def test_a_gateway_that_is_on_its_way_up_is_waited_for(tmp_path: Path) -> None:
    assert await heard(Gateway([told(1)], [DOWN], [told(2)]), tmp_path, 2) == [1, 2]
