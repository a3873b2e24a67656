"""The connections still open: after an answer, TLS may wait long for the other side's goodbye."""

import asyncio
import socket
from asyncio.trsock import TransportSocket
from contextlib import suppress
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

TURNS: Final = 50  # of 10 ms, for which the event loop may take to see that a line was cut


class Lines:
    """Knows the socket of everybody who asked something, until it is closed."""

    def __init__(self) -> None:
        self._known: dict[TransportSocket, int] = {}
        self._age = 0

    def middleware(self) -> Middleware:
        """Return what notes who asks."""

        @web.middleware
        async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
            line: TransportSocket | None = request.get_extra_info("socket")
            if line is not None and line not in self._known:
                self._known = {**self._open(), line: self._age}
            response = await handler(request)
            if line is not None and self._known.get(line, self._age) != self._age:
                response.force_close()
            return response

        return note

    def renew(self) -> None:
        """Let every connection of today answer once more, then end."""
        self._age += 1

    async def hang_up(self, _: web.Application) -> None:
        """Cut what is still connected."""
        for line in self._open():
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for _turn in range(TURNS):
            if not self._open():
                break
            await asyncio.sleep(0.01)

    def _open(self) -> dict[TransportSocket, int]:
        return {line: age for line, age in self._known.items() if line.fileno() >= 0}
