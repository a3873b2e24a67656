import asyncio
import base64
import json
import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from proxmox_lab.guests.port import ExecResult, GuestFailure, Interface
from proxmox_lab.guests.qemu.agent import GuestAgent

Answers = dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]]


@pytest.fixture
def path() -> Generator[Path]:
    folder = tempfile.mkdtemp(prefix="qga-")  # a socket's path must be short
    yield Path(folder) / "qga.sock"
    shutil.rmtree(folder)


@asynccontextmanager
async def talking(path: Path, answers: Answers, *, stale: bytes = b"") -> AsyncGenerator[list[str]]:
    """Be a guest's agent, on a channel which may still hold answers nobody waited for."""
    heard: list[str] = []
    served: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(asyncio.current_task())
        writer.write(stale)
        while line := await reader.readline():
            asked = json.loads(line.replace(b"\xff", b""))
            heard.append(asked["execute"])
            arguments = asked.get("arguments", {})
            if asked["execute"] == "guest-sync-delimited":
                writer.write(b'\xff{"return": %d}\n' % arguments["id"])
                continue
            told = answers[asked["execute"]](arguments)
            if told is not None:
                writer.write(json.dumps(told).encode() + b"\n")
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield heard
    finally:
        server.close()
        await asyncio.gather(*(task for task in served if task))


async def test_every_call_synchronises_first(path: Path) -> None:
    async with talking(path, {"guest-ping": lambda _: {"return": {}}}) as heard:
        assert await GuestAgent(path).ping()

    assert heard == ["guest-sync-delimited", "guest-ping"]


@pytest.mark.parametrize(
    "stale",
    [
        b'{"return": {}}\n{"return": 4}\n',
        b'\xff{"return": 17}\n\xff{"return": 18}\n',
        b'"buf-b64": "AAAA"}}\n',
        b"[1]\n",
    ],
)
async def test_answers_to_calls_given_up_long_ago_are_not_taken_for_ours(
    path: Path, stale: bytes
) -> None:
    answers: Answers = {"guest-exec": lambda _: {"return": {"pid": 7}}}
    answers["guest-exec-status"] = lambda _: {"return": {"exited": True, "exitcode": 3}}
    async with talking(path, answers, stale=stale):
        assert (await GuestAgent(path).execute(("true",), b"")).exit_code == 3


async def test_a_file_is_read_to_its_end(path: Path) -> None:
    parts = [b"ssh-ed25519 ", b"AAAA root@arena\n"]
    left = list(parts)

    def read(arguments: dict[str, Any]) -> dict[str, Any]:
        part = left.pop(0)
        return {"return": {"buf-b64": base64.b64encode(part).decode(), "eof": not left}}

    answers: Answers = {
        "guest-file-open": lambda _: {"return": 1000},
        "guest-file-read": read,
        "guest-file-close": lambda _: {"return": {}},
    }
    async with talking(path, answers) as heard:
        assert await GuestAgent(path).read_file("/etc/key.pub") == b"".join(parts)

    assert heard[-1] == "guest-file-close"


async def test_the_guests_own_error_text_is_told(path: Path) -> None:
    text = "failed to open file '/no': No such file or directory"
    refusal = {"error": {"class": "GenericError", "desc": text}}
    async with talking(path, {"guest-file-open": lambda _: refusal}):
        with pytest.raises(GuestFailure, match="No such file"):
            await GuestAgent(path).read_file("/no")


async def test_interfaces_are_told_with_prefix(path: Path) -> None:
    told = [
        {"name": "lo", "ip-addresses": [{"ip-address": "127.0.0.1", "prefix": 8}]},
        {"name": "eth0", "hardware-address": "bc:24:11:00:00:01", "statistics": {"rx-bytes": 1}},
    ]
    async with talking(path, {"guest-network-get-interfaces": lambda _: {"return": told}}):
        found = await GuestAgent(path).interfaces()

    assert tuple(found) == (
        Interface(name="lo", mac="00:00:00:00:00:00", addresses=("127.0.0.1/8",)),
        Interface(name="eth0", mac="bc:24:11:00:00:01", addresses=()),
    )


async def test_a_command_is_waited_for(path: Path) -> None:
    looks = 0

    def status(arguments: dict[str, Any]) -> dict[str, Any]:
        nonlocal looks
        looks += 1
        if looks < 3:
            return {"return": {"exited": False}}
        return {"return": {"exited": True, "signal": 9, "out-data": "aGk="}}

    answers: Answers = {
        "guest-exec": lambda asked: {"return": {"pid": len(asked["arg"])}},
        "guest-exec-status": status,
    }
    async with talking(path, answers):
        result = await GuestAgent(path).execute(("/bin/sh", "-c", "cat"), b"hello")

    assert result == ExecResult(exit_code=137, out=b"hi")


async def test_a_silent_agent_is_not_running(path: Path) -> None:
    async with talking(path, {"guest-ping": lambda _: None}):
        assert not await GuestAgent(path).ping(timeout=0.1)


async def test_without_a_socket_the_agent_is_not_running(path: Path) -> None:
    with pytest.raises(GuestFailure, match="QEMU guest agent is not running"):
        await GuestAgent(path).interfaces()
