"""The lab's port: who speaks TLS is let in, who speaks plainly is told where TLS is spoken."""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Final

from aiohttp import web

BACKLOG: Final = 128
PATIENCE: Final = 60.0  # seconds somebody may be silent who has come in
REST: Final = 0.1  # seconds after nobody could be let in
TURNS: Final = 50  # of 10 ms, for which the event loop may take to see that a line was cut
GOODBYE: Final = 1.0  # seconds a client may take for its own, once the last answer is sent
LONGEST: Final = 8192  # bytes of a request that is only to be sent elsewhere
_HANDSHAKE: Final = b"\x16"  # what a conversation in TLS begins with
_ASKED: Final = re.compile(rb"[A-Z]+ (/[^\s]*) HTTP/1\.\d\r\n")
_HOST: Final = re.compile(rb"\r\nhost:[ \t]*([\w.:\[\]-]+)", re.IGNORECASE)
_MOVED: Final = "Moved Permanently"

Inside = Callable[[], asyncio.BaseProtocol]


class Door:
    """Listens at a bound socket; everybody who comes gets a protocol of those ``inside``."""

    def __init__(self, listener: socket.socket, inside: Inside, tls: ssl.SSLContext) -> None:
        self._listener, self._inside, self._tls = listener, inside, tls
        self._busy: set[asyncio.Task[None]] = set()
        self._outside: set[socket.socket] = set()
        self._lines: list[socket.socket] = []

    def open(self) -> None:
        """Let people in from now on."""
        self._listener.setblocking(False)
        self._listener.listen(BACKLOG)
        self._listen()

    async def close(self) -> None:
        """Let nobody in any more; who is inside stays."""
        asyncio.get_running_loop().remove_reader(self._listener)
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)
        for line in self._outside:  # a task that was cancelled before it began closes nothing
            line.close()

    async def hang_up(self) -> None:
        """Cut who is inside still: TLS would wait for the other side's goodbye."""
        for line in self._open_lines():
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for _ in range(TURNS):
            if not self._open_lines():
                break
            await asyncio.sleep(0.01)

    def _open_lines(self) -> list[socket.socket]:
        self._lines = [line for line in self._lines if line.fileno() >= 0]
        return self._lines

    def _listen(self) -> None:
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        """Take who has come at once: a task that waits for people may lose one as it ends."""
        loop = asyncio.get_running_loop()
        try:
            line, _ = self._listener.accept()
        except BlockingIOError:
            return  # somebody is gone again
        except OSError:  # too many are inside
            loop.remove_reader(self._listener)
            self._keep(self._listen_again())
            return
        line.setblocking(False)
        self._outside.add(line)
        self._keep(self._receive(line))

    async def _listen_again(self) -> None:
        await asyncio.sleep(REST)
        self._listen()

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def _receive(self, line: socket.socket) -> None:
        with suppress(OSError, TimeoutError):
            try:
                async with asyncio.timeout(PATIENCE):
                    await _heard(line)
                    if line.recv(1, socket.MSG_PEEK) == _HANDSHAKE:
                        await self._let_in(line)
                        return
                    await _send_on(line)
            except BaseException:
                line.close()
                raise
            finally:
                self._outside.discard(line)
            line.close()

    async def _let_in(self, line: socket.socket) -> None:
        self._open_lines().append(line)
        await asyncio.get_running_loop().connect_accepted_socket(
            self._inside, line, ssl=self._tls, ssl_shutdown_timeout=GOODBYE
        )


@asynccontextmanager
async def opened(
    listener: socket.socket, runner: web.AppRunner, tls: ssl.SSLContext
) -> AsyncGenerator[None]:
    """Answer at a bound socket until the block ends; the application ends with it."""
    assert runner.server is not None
    door = Door(listener, runner.server, tls)
    door.open()
    try:
        yield
    finally:
        await door.close()
        await runner.cleanup()
        await door.hang_up()


async def _heard(line: socket.socket) -> None:
    """Wait for the first word, and leave it where it is."""
    loop = asyncio.get_running_loop()
    heard = asyncio.Event()
    loop.add_reader(line, heard.set)
    try:
        await heard.wait()
    finally:
        loop.remove_reader(line)


async def _send_on(line: socket.socket) -> None:
    """Answer a plain request with where it should have gone."""
    loop = asyncio.get_running_loop()
    said = b""
    while b"\r\n\r\n" not in said and len(said) < LONGEST:
        more = await loop.sock_recv(line, LONGEST)
        if not more:
            return
        said += more
    asked, host = _ASKED.match(said), _HOST.search(said)
    if asked and host:
        place = f"https://{host[1].decode()}{asked[1].decode('latin-1')}"
        await loop.sock_sendall(line, _moved(place).encode("latin-1"))


def _moved(place: str) -> str:
    head = (
        f"HTTP/1.1 301 {_MOVED}", f"Location: {place}", "Server: pve-api-daemon/3.0",
        "Cache-Control: max-age=0", "Pragma: no-cache", "Connection: close",
        f"Content-Length: {len(_MOVED)}",
    )  # fmt: skip
    return "\r\n".join((*head, "", _MOVED))
