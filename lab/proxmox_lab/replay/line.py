"""What recorded requests are sent over again: straight to the lab, or to the door before it."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import ClientSession, TCPConnector
from yarl import URL

Answer = tuple[int, str, dict[str, Any] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a lab answers: without TLS, so that a replay is quick, and at its door with it."""

    plain: str
    door: str


class Line:
    """Sends requests as they are."""

    def __init__(self, client: ClientSession, place: Place) -> None:
        self._client, self._place = client, place

    async def ask(
        self, method: str, target: str, headers: dict[str, str], body: str | None, *, at_door: bool
    ) -> Answer:
        """Send one request; gives status, reason, and the body if it is an object."""
        base = self._place.door if at_door else self._place.plain
        async with self._client.request(
            method,
            URL(base + target, encoded=True),
            headers=headers,
            data=body.encode() if body else None,
            skip_auto_headers=("Content-Type",),
            allow_redirects=False,
        ) as response:
            return response.status, response.reason or "", _json(await response.read())


@asynccontextmanager
async def line_to(place: Place) -> AsyncGenerator[Line]:
    """Open what requests to a lab are sent over; every one gets a connection of its own."""
    connector = TCPConnector(force_close=True)
    async with ClientSession(connector=connector, cookie_jar=None) as client:
        yield Line(client, place)


def _json(raw: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None
