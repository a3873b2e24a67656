"""How calls to a gateway's API are made: with a token that is renewed, and kept, without asking."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import httpx
from pydantic import JsonValue

from yard_cli.client.answers import A, check, read, understood
from yard_cli.client.models import Answer
from yard_cli.client.session import Session

Query = Mapping[str, str | list[str]]

SILENCE: Final = 60.0  # seconds; who tells something live says at least that it is still there


class Page(Answer, frozen=True):
    """One page of a list."""

    items: tuple[dict[str, JsonValue], ...]
    next_cursor: str | None = None


class Wire:
    """Calls one gateway."""

    def __init__(self, http: httpx.AsyncClient, *, session: Session) -> None:
        self.http = http
        self.session = session

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Mapping[str, JsonValue] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Call; a refusal is a failure."""

        async def sent(bearer: Mapping[str, str]) -> httpx.Response:
            return await self.http.request(
                method, path, headers={**(headers or {}), **bearer}, params=query, json=body
            )

        token = await self.session.token()
        response = await sent(_bearer(token))
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            response = await sent(_bearer(await self.session.token_instead_of(token)))
        return check(response)

    async def pages(
        self, kind: type[A], path: str, *, pages: int = 50, query: Query | None = None
    ) -> list[A]:
        """Return a whole list, or its first ``pages``."""
        found: list[A] = []
        after: str | None = None
        for _ in range(pages):
            wanted = {"limit": "100", **(query or {}), **({"after": after} if after else {})}
            page = read(Page, await self.call("GET", path, query=wanted))
            found += [understood(kind, item) for item in page.items]
            after = page.next_cursor
            if after is None:
                break
        return found

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: Query, headers: Mapping[str, str]
    ) -> AsyncGenerator[httpx.Response]:
        """Open an answer that is read while it comes; a refusal is a failure."""
        token = await self.session.token()
        for last in (False, True):
            async with self.http.stream(
                "GET", path, params=query, headers={**headers, **_bearer(token)},
                timeout=httpx.Timeout(30, read=SILENCE),
            ) as response:  # fmt: skip
                if response.status_code == HTTPStatus.UNAUTHORIZED and not last:
                    token = await self.session.token_instead_of(token)
                    continue
                if response.is_server_error:  # it, or what stands before it, is on its way up
                    raise httpx.RemoteProtocolError(f"HTTP {response.status_code}")
                if not response.is_success:
                    await response.aread()
                yield check(response)
                return


def _bearer(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


def once(key: str) -> Mapping[str, str]:
    """Return the header that makes a request the same request, however often it is sent."""
    return {"Idempotency-Key": key}
