"""A small receiver of webhooks: believes what verifies, and refuses all else with the reason."""

import asyncio
import socket
import socketserver
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from yard_cli.client.signatures import NotGenuine, Verifier
from yard_cli.failure import Failure

LARGEST: Final = 1_048_576  # bytes of a body
HANGS: Final = 15.0  # seconds that a sender may say nothing
WAITS: Final = 5.0  # seconds that a delivery waits for the secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A delivery as it came. ``refused``: why it was not believed; none: it is genuine."""

    headers: Mapping[str, str]
    body: bytes
    refused: str | None = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    tell: Callable[[Arrival], None]

    def __init__(self, place: tuple[str, int]) -> None:
        self.verifier: Verifier | None = None
        self.trusts = threading.Event()
        self.address_family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        super().__init__(place, _Handler)

    def server_bind(self) -> None:
        """Bind without asking the network what this machine is called."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # pyright: ignore[reportAttributeAccessIssue]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "yard"
    sys_version = ""
    timeout = HANGS
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        """Take a delivery."""
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            self._answer(HTTPStatus.LENGTH_REQUIRED, "send Content-Length")
            return
        if int(length) > LARGEST:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {LARGEST} bytes")
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        refused = self._doubt(headers, body)
        self.server.tell(Arrival(headers=headers, body=body, refused=refused))
        if refused:
            self._answer(HTTPStatus.UNAUTHORIZED, refused)
        else:
            self._answer(HTTPStatus.NO_CONTENT)

    def _doubt(self, headers: Mapping[str, str], body: bytes) -> str | None:
        # A webhook that is being made sends its first event before we are told its secret.
        self.server.trusts.wait(WAITS)
        if self.server.verifier is None:
            return "the secret is not known here yet: try again"
        try:
            self.server.verifier.verify(body, headers)
        except NotGenuine as doubt:
            return str(doubt)
        return None

    def _answer(self, status: HTTPStatus, text: str = "") -> None:
        body = f"{text}\n".encode() if text else b""
        self.send_response(status)
        if body:
            self.send_header("Content-Type", "text/plain; charset=utf-8")
        if status is not HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(body)))
        if status not in {HTTPStatus.NO_CONTENT, HTTPStatus.UNAUTHORIZED}:
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what arrives is told elsewhere."""


class Receiver:
    """Listens; ``arrivals`` yields what comes, in its order."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Arrival] = asyncio.Queue()
        server.tell = self._put

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_port

    def trust(self, verifier: Verifier) -> None:
        """Believe what this one verifies; until then nothing is believed."""
        self._server.verifier = verifier
        self._server.trusts.set()

    async def arrivals(self) -> AsyncGenerator[Arrival]:
        """Yield for ever."""
        while True:
            yield await self._queue.get()

    def _put(self, arrival: Arrival) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, arrival)


@asynccontextmanager
async def receiver(host: str, port: int) -> AsyncGenerator[Receiver]:
    """Listen for as long as the block lasts; port 0: any that is free."""
    try:
        server = _Server((host, port))
    except OSError as error:
        raise Failure(
            f"nobody can listen on {host}:{port} ({error.strerror})",
            "choose another port: --port 9001",
        ) from error
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    try:
        listening = Receiver(server)
        thread.start()
        yield listening
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
