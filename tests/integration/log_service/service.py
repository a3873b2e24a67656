"""The log-service as a process of its own, with a gateway that only publishes keys."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from common.contracts.logs import LogBatch, LogLine
from common.messaging.connection import Bus
from common.security.keys import new_private_pem
from common.security.tokens import LOG_TICKET, TokenIssuer
from tests.servers import end

ISSUER: Final = TokenIssuer(new_private_pem(), issuer="spawnyard")


def ticket(stream: str) -> str:
    return ISSUER.issue(
        subject="usr_1",
        audience="log-service",
        type=LOG_TICKET,
        life=timedelta(minutes=1),
        stream=stream,
    )


@asynccontextmanager
async def gateway() -> AsyncGenerator[str]:
    """Publish the keys; yield the address of the key set."""
    body = json.dumps(ISSUER.jwks()).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks.json"


@dataclass
class Service:
    """May be killed, stopped and started again; its port and database stay."""

    environment: dict[str, str]
    log: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    async def start(self) -> "Service":
        self.process = spawn_with(self.environment, log=self.log)
        async with httpx.AsyncClient(trust_env=False) as http:
            for _ in range(1000):
                assert self.process.poll() is None, self.log.read_text()
                try:
                    answer = await http.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5)
                except httpx.HTTPError:
                    await asyncio.sleep(0.1)
                    continue
                if answer.status_code == 200:
                    return self
        raise TimeoutError(self.log.read_text())

    def kill(self) -> None:
        assert self.process is not None
        end(self.process, number=signal.SIGKILL)

    async def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        assert self.process is not None
        self.process.terminate()
        return await asyncio.to_thread(self.process.wait, 60)

    @asynccontextmanager
    async def watching(
        self, stream: str, *, after: int = 0, sock: socket.socket | None = None
    ) -> AsyncGenerator["Viewer"]:
        url = f"ws://127.0.0.1:{self.port}/v1/operations/{stream}/log/stream"
        limits: dict[str, Any] = {"sock": sock, "max_queue": 1} if sock else {}
        async with connect(url, proxy=None, ping_interval=None, close_timeout=1, **limits) as ws:
            await ws.send(json.dumps({"type": "auth", "ticket": ticket(stream), "after": after}))
            yield Viewer(ws)


@dataclass
class Viewer:
    """Notes what it sees."""

    ws: ClientConnection
    seen: list[int] = field(default_factory=list)
    ended: bool = False
    code: int | None = None
    reason: str = ""

    async def until(self, count: int) -> list[int]:
        while len(self.seen) < count:
            await self._next()
        return self.seen

    async def until_closed(self) -> "Viewer":
        try:
            while True:
                await self._next()
        except ConnectionClosed as closed:
            if closed.rcvd is not None:
                self.code, self.reason = closed.rcvd.code, closed.rcvd.reason
        return self

    async def _next(self) -> None:
        frame: dict[str, Any] = json.loads(await self.ws.recv())
        self.seen += [line["sequence"] for line in frame.get("lines", [])]
        self.ended |= frame["type"] == "end"


def spawn_with(environment: dict[str, str], *, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-W", "error::ResourceWarning", "-m", "log_service.main"]
    with log.open("ab") as sink:
        return subprocess.Popen(command, stdout=sink, stderr=sink, env=os.environ | environment)


async def publish(
    bus: Bus, stream: str, first: int, last: int, *, size: int = 0, final: bool = False
) -> None:
    """Say lines ``first`` to ``last``; the bus acknowledges them."""
    lines = tuple(
        LogLine(key=str(number), text=f"line {number}".ljust(size, "."))
        for number in range(first, last + 1)
    )
    batch = LogBatch(stream_id=stream, server_id="srv_1", writer="w", lines=lines, final=final)
    await bus.js.publish(
        batch.subject, batch.model_dump_json().encode(), headers={"Nats-Msg-Id": batch.id}
    )
