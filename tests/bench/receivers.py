"""Webhook receivers in a process of their own: each at a port, answering at once or hanging.

    python -m tests.bench.receivers FINE HANGING

tells its ports in one line of JSON, and after each line that it is told, what arrived: for each
port, when the first request with each ``webhook-id`` did, by the clock that all processes share.
"""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

HANG: Final = 30.0  # seconds
FINE: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
LINE: Final = 2**26  # bytes of what arrived

Arrivals = Mapping[int, Mapping[str, float]]


class Ports(BaseModel, frozen=True):
    """Where they listen."""

    fine: tuple[int, ...]
    hanging: tuple[int, ...]


class _Arrived(BaseModel, frozen=True):
    at: Arrivals


@dataclass(frozen=True, slots=True)
class Receivers:
    """The process, from outside."""

    ports: Ports
    process: Process

    async def arrivals(self) -> Arrivals:
        """Return what arrived since this was asked the last time."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"\n")
        return _Arrived.model_validate_json(await self.process.stdout.readline()).at


@asynccontextmanager
async def receiving(*, fine: int, hanging: int) -> AsyncGenerator[Receivers]:
    """Run so many for as long as the block lasts."""
    words = ("-m", "tests.bench.receivers", str(fine), str(hanging))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdin=PIPE, stdout=PIPE, limit=LINE
    )
    assert process.stdout is not None
    try:
        ports = Ports.model_validate_json(await process.stdout.readline())
        yield Receivers(ports, process)
    finally:
        process.kill()
        await process.communicate()


async def serve(fine: int, hanging: int) -> None:
    """Be that process, until nobody tells it anything any more."""
    at: dict[int, dict[str, float]] = {}
    servers = [
        await asyncio.start_server(_hearing(at, hangs=number >= fine), "127.0.0.1", 0)
        for number in range(fine + hanging)
    ]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    _say(Ports(fine=tuple(ports[:fine]), hanging=tuple(ports[fine:])))
    while await asyncio.to_thread(sys.stdin.readline):
        _say(_Arrived(at=at))
        at.clear()


def _say(what: BaseModel) -> None:
    sys.stdout.write(f"{what.model_dump_json()}\n")
    sys.stdout.flush()


def _hearing(at: dict[int, dict[str, float]], *, hangs: bool):
    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("sockname")[1]
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
                told = {name.lower(): value for name, _, value in (h.partition(": ") for h in head)}
                at.setdefault(port, {}).setdefault(told["webhook-id"], time.monotonic())
                await reader.readexactly(int(told["content-length"]))
                await asyncio.sleep(HANG if hangs else 0)
                writer.write(FINE)
        writer.transport.abort()

    return hear


if __name__ == "__main__":
    asyncio.run(serve(*map(int, sys.argv[1:3])))
