"""Following a log: each line once, in order, whatever happens to the connection."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from yard_cli.client.api import Gateway, gateway
from yard_cli.client.credentials import Credentials
from yard_cli.client.log_follow import follow
from yard_cli.client.models import LogTicket

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC).isoformat()


def lines(*sequences: int) -> str:
    found = [{"sequence": n, "time": NOON, "text": f"line {n}"} for n in sequences]
    return json.dumps({"type": "lines", "lines": found})


END = json.dumps({"type": "end"})


class FakeLogService:
    """Plays one script per connection; notes how each was opened."""

    def __init__(self, *scripts: Sequence[str]) -> None:
        self.scripts = list(scripts)
        self.openings: list[dict[str, object]] = []

    async def __call__(self, socket: ServerConnection) -> None:
        self.openings.append(json.loads(await socket.recv()))
        assert "ticket" not in (socket.request.path if socket.request else "")
        for frame in self.scripts.pop(0):
            await socket.send(frame)


@asynccontextmanager
async def a_gateway(service: FakeLogService, folder: Path) -> AsyncGenerator[Gateway]:
    async with serve(service, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with gateway("http://none", credentials=Credentials(folder / "c.json")) as api:

            async def ticket(operation_id: str) -> LogTicket:
                url = f"ws://127.0.0.1:{port}/v1/operations/{operation_id}/log/stream"
                return LogTicket(ticket="secret", history_url="http://none", stream_url=url)

            api.log_ticket = ticket
            yield api


async def seen(service: FakeLogService, folder: Path, *, after: int = 0) -> list[int]:
    async with a_gateway(service, folder) as api:
        return [line.sequence async for line in follow(api, "op_1", after=after)]


async def test_lines_come_until_the_log_ends(tmp_path: Path):
    service = FakeLogService([lines(1, 2), lines(3), END])

    assert await seen(service, tmp_path) == [1, 2, 3]
    assert service.openings == [{"type": "auth", "ticket": "secret", "after": 0}]


async def test_a_broken_connection_is_resumed_after_the_last_line(tmp_path: Path):
    service = FakeLogService([lines(1, 2)], [lines(3), END])

    assert await seen(service, tmp_path) == [1, 2, 3]
    assert [opening["after"] for opening in service.openings] == [0, 2]


async def test_a_line_sent_twice_is_told_once(tmp_path: Path):
    service = FakeLogService([lines(1, 2)], [lines(2, 3), END])

    assert await seen(service, tmp_path) == [1, 2, 3]


@pytest.mark.parametrize("frame", ['{"type": "news of a later version"}'])
async def test_frames_of_later_versions_are_passed_over(tmp_path: Path, frame: str):
    assert await seen(FakeLogService([frame, lines(1), END]), tmp_path) == [1]
