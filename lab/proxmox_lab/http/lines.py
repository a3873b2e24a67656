"""The connections of those who ask: a new certificate ends them, after one more answer."""

from asyncio.trsock import TransportSocket

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware


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

    def _open(self) -> dict[TransportSocket, int]:
        return {line: age for line, age in self._known.items() if line.fileno() >= 0}
