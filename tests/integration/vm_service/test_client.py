"""Calls to something that answers like nothing Proxmox ever said."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import pytest

from proxmox_lab.tls import ensure_certificates, server_context
from vm_service.adapters.proxmox import client as client_module
from vm_service.adapters.proxmox.client import Client
from vm_service.adapters.proxmox.site import Access
from vm_service.domain.trouble import Trouble, Verdict

pytestmark = pytest.mark.integration

Answering = Callable[[bytes], Awaitable[tuple[Client, list[bytes]]]]
HEAD = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"


def http(status: bytes, body: bytes) -> bytes:
    return HEAD % (status, len(body), body)


@asynccontextmanager
async def listening(answer: bytes, context: ssl.SSLContext, asked: list[bytes]):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        if answer:
            await writer.drain()
        else:
            await asyncio.sleep(0.4)
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Answering]:
    """Open a server that always says the same; return a client of it, and what it was asked."""
    monkeypatch.setattr(client_module, "PAUSES", ())
    tls = tmp_path / "tls"
    ensure_certificates(tls, host="127.0.0.1")
    stack = AsyncExitStack()

    async def open_(answer: bytes) -> tuple[Client, list[bytes]]:
        asked: list[bytes] = []
        server = listening(answer, server_context(tls), asked)
        port = await stack.enter_async_context(server)
        access = Access(
            url=f"https://127.0.0.1:{port}",
            token_id="yard@pve!test",
            token_secret="very-secret",
            ca_file=tls / "ca.pem",
        )
        return stack.enter_context(closing(Client(access))), asked

    async with stack:
        yield open_


async def trouble_of(call: Awaitable[object]) -> Trouble:
    with pytest.raises(Trouble) as trouble:
        await call
    return trouble.value


@pytest.mark.parametrize(
    "answer",
    [
        http(b"200 OK", b"<html>maintenance</html>"),
        http(b"200 OK", b'{"data": [1, 2'),
        http(b"200 OK", b'{"daten": 1}'),
        http(b"200 OK", b"[]"),
        http(b"596 Broken pipe", b""),
        http(b"502 Bad Gateway", b"<html>"),
        http(b"302 Found\r\nLocation: https://127.0.0.1:1/", b""),
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
    ],
)
async def test_nonsense_is_an_unknown_outcome(answering: Answering, answer: bytes):
    client, asked = await answering(answer)

    trouble = await trouble_of(client.post("nodes/pve/qemu/1/status/start"))

    assert trouble.verdict is Verdict.UNKNOWN
    assert len(asked) == 1
    assert "very-secret" not in str(trouble)


async def test_silence_ends_at_the_deadline(answering: Answering, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client_module, "DEADLINES", {"post": 0.2})
    client, _ = await answering(b"")

    trouble = await trouble_of(client.post("nodes/pve/qemu/1/status/start"))
    await asyncio.sleep(0.4)

    assert trouble.verdict is Verdict.UNKNOWN


async def test_the_reason_phrase_and_the_wrong_parameters_are_what_is_told(answering: Answering):
    body = b'{"data":null,"errors":{"newid":"VM 9000 already exists\\n"}}'
    client, asked = await answering(http(b"400 Parameter verification failed.", body))

    trouble = await trouble_of(client.post("x", full=True, pool=None, newid=9000))

    assert trouble.verdict is Verdict.TAKEN
    assert trouble.text == "Parameter verification failed: newid: VM 9000 already exists"
    assert b"PVEAPIToken=yard@pve!test=very-secret" in asked[0]


async def test_reading_is_tried_again_and_writing_is_not(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client_module, "PAUSES", (0.01, 0.01))
    client, asked = await answering(http(b"595 No route to host", b""))

    await trouble_of(client.get("version"))
    read = len(asked)
    await trouble_of(client.put("nodes/pve/qemu/1/resize"))

    assert (read, len(asked)) == (3, 4)
