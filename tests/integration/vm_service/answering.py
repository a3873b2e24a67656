"""A server that speaks TLS and says what it is told to, to whoever asks."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from pathlib import Path

from proxmox_lab.certificate import Certificate
from vm_service.adapters.proxmox.site import Access

HEAD = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
FINE = b'{"data": "fine"}'

Say = Callable[[asyncio.StreamWriter], Awaitable[None]]


def http(status: bytes, body: bytes) -> bytes:
    return HEAD % (status, len(body), body)


def fingerprint_in(file: Path) -> str:
    """Return the fingerprint of the first certificate in a file."""
    pem = file.read_text()
    first = pem[: pem.index("-----END CERTIFICATE-----") + 26]
    digest = sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, 64, 2))


class Answering:
    """Answers every call in the same way; what it was asked is kept."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._certificate = Certificate(directory, host="127.0.0.1")
        self.asked: list[bytes] = []
        self.connections = 0
        self.keeps_open = False  # for whoever has more to ask
        self.port = 0
        self.say: Say = self.answer(http(b"200 OK", FINE))

    def answer(self, text: bytes) -> Say:
        async def say(writer: asyncio.StreamWriter) -> None:
            writer.write(text)
            await writer.drain()

        return say

    @property
    def fingerprint(self) -> str:
        return fingerprint_in(self.directory / "cert.pem")

    def access(self, **trust: object) -> Access:
        trusted: dict[str, object] = trust or {"ca_file": self.directory / "ca.pem"}
        return Access(
            url=f"https://127.0.0.1:{self.port}",
            token_id="yard@pve!test",
            token_secret="very-secret",
            **trusted,  # pyright: ignore[reportArgumentType]  one of three
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            await self.say(writer)
            while self.keeps_open:
                self.asked.append(await reader.readuntil(b"\r\n\r\n"))
                await self.say(writer)
        writer.close()

    @asynccontextmanager
    async def listening(self, *, port: int = 0) -> AsyncGenerator["Answering"]:
        context = self._certificate.context
        async with await asyncio.start_server(
            self._serve, "127.0.0.1", port, ssl=context
        ) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield self
