"""A scripted receiver of webhooks on loopback, and a network that records who is connected to."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Network, ip_address

import httpcore
import pytest

from common.security.addresses import Address, Allowance
from gateway.adapters.guarded_network import direct_network
from gateway.adapters.names import Names, is_ours
from gateway.adapters.outgoing import GuardedSender, Limits, Outside
from gateway.ports.sender import NotSent, Reason

LOOPBACK = Allowance(cidrs=(IPv4Network("127.0.0.0/8"),))
BODY = b'{"type":"webhook.ping"}'
QUICK = Limits(connect=0.3, head=0.5, total=0.8)
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Receiver:
    """What came in: the head and body of each request, and how many connections there were."""

    port: int = 0
    connections: int = 0
    requests: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def hear(self, reader: asyncio.StreamReader) -> str:
        """Take one request in, and return its head."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = [line.partition(":") for line in head.lower().splitlines()]
        length = next(int(text) for name, _, text in lines if name == "content-length")
        self.requests.append((head, await reader.readexactly(length)))
        return head


def answer(status: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


FINE = answer("204 No Content")


@asynccontextmanager
async def receiving(
    *answers: bytes | Script, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Receiver]:
    """Answer one request after another as scripted; the last for all further ones."""
    receiver, tasks = Receiver(), set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        receiver.connections += 1
        with suppress(asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            while True:
                await receiver.hear(reader)
                step = answers[min(len(receiver.requests), len(answers)) - 1]
                if not isinstance(step, bytes):
                    await step(reader, writer)
                    break
                writer.write(step)
                await writer.drain()
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class RecordedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to loopback alone, and writes down what else was asked for.

    ``leads``: addresses of elsewhere whose part a receiver plays, by its port.
    """

    leads: Mapping[str, int] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    asked: list[tuple[str, int]] = field(default_factory=list)

    async def connect_tcp(
        self, host, port, timeout=None, local_address=None, socket_options=None
    ) -> httpcore.AsyncNetworkStream:
        self.asked.append((host, port))
        if host in self.silent:
            assert timeout is not None, "the next one has its chance in time"
            raise httpcore.ConnectTimeout
        if host in self.leads:
            host, port = "127.0.0.1", self.leads[host]
        if not ip_address(host).is_loopback:
            raise httpcore.ConnectError("tests stay on this machine")
        return await direct_network().connect_tcp(
            host, port, timeout, local_address, socket_options
        )


class ScriptedNames:
    """Answers with what is scripted, one after another; the last again and again."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self.answers = {name.replace("_", "."): list(each) for name, each in answers.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        left = self.answers.get(host)
        if left is None:
            raise OSError(-2, "Name or service not known")
        return left.pop(0) if len(left) > 1 else left[0]


@asynccontextmanager
async def sending(
    *,
    allowance: Allowance = LOOPBACK,
    network: RecordedNetwork | None = None,
    names: Names | None = None,
    limits: Limits | None = None,
    trust: ssl.SSLContext | None = None,
    ours: Callable[[Address], bool] = is_ours,
) -> AsyncGenerator[GuardedSender]:
    outside = Outside(
        names=names or ScriptedNames(),
        network=network or RecordedNetwork(),
        trust=trust or ssl.create_default_context(),
        ours=ours,
    )
    sender = GuardedSender(allowance, outside, limits=limits)
    try:
        yield sender
    finally:
        await sender.aclose()


async def refused(sender: GuardedSender, url: str) -> NotSent:
    with pytest.raises(NotSent) as caught:
        await sender.post(url, headers={}, body=BODY)
    assert caught.value.reason is Reason.REFUSED
    return caught.value
