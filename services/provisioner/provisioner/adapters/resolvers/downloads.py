"""What is fetched from the outside to find out a version: by https, within bounds.

With a mirror, ``https://HOST/PATH`` is fetched as ``BASE/HOST/PATH``, and only there. Without,
no address of an inner network is connected to, whatever its name or a redirect says.
"""

import hashlib
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from provisioner.domain import outside
from provisioner.domain.errors import NotYet, StepFailed

TEXT_LIMIT: Final = 8_388_608  # bytes of an answer
FILE_LIMIT: Final = 8_589_934_592  # bytes of a file that is measured
CHUNK: Final = 262_144
HOPS: Final = 5
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
PASSING: Final = frozenset({408, 425, 429})  # with all from 500 on: it may go better later
FINE: Final = 200
SERVERS: Final = 500  # the first status by which a server blames itself
AGENT: Final = "Spawnyard"
QUICK: Final = aiohttp.ClientTimeout(total=30)
PATIENT: Final = aiohttp.ClientTimeout(total=None, connect=30, sock_read=60)


class PublicNames(AbstractResolver):
    """Asks a resolver, and refuses whoever turns out to live in an inner network."""

    def __init__(self, names: AbstractResolver) -> None:
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return where a host is; these addresses are connected to, and no others."""
        found = await self._names.resolve(host, port, family)
        for one in found:
            outside.check_public(one["host"], host=host)
        return found

    async def close(self) -> None:
        """Let go of the resolver."""
        await self._names.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloads:
    """Fetches. ``base``: of a mirror. ``names``: who resolves names, if not the system."""

    base: str = ""
    names: AbstractResolver | None = field(default=None)

    def vetted(self, url: str) -> None:
        """Raise ``StepFailed`` for an address that nobody may fetch from."""
        host = outside.vetted(url)
        if not self.base and outside.is_literal(host):
            outside.check_public(host, host=host)

    async def text(self, url: str, *, agent: str | None = None) -> str:
        """Return a document. Raises ``NotYet`` or ``StepFailed``."""
        body = bytearray()
        async with self._answer(url, agent=agent, timeout=QUICK) as answer:
            async for chunk in answer.content.iter_chunked(CHUNK):
                body += chunk
                if len(body) > TEXT_LIMIT:
                    raise StepFailed(f"the vendor's answer does not end ({url})")
        return body.decode(errors="replace")

    async def measured(self, url: str, *, agent: str | None = None) -> tuple[str, str]:
        """Download a file once; return its checksum and its size. Nothing of it is kept."""
        digest, size = hashlib.sha256(), 0
        async with self._answer(url, agent=agent, timeout=PATIENT) as answer:
            async for chunk in answer.content.iter_chunked(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                if size > FILE_LIMIT:
                    raise StepFailed(f"the vendor's file does not end ({url})")
            if answer.content_length not in {None, size}:
                raise NotYet(f"the vendor's file was cut off ({url})")
        return f"sha256:{digest.hexdigest()}", str(size)

    @asynccontextmanager
    async def _answer(
        self, url: str, *, agent: str | None, timeout: aiohttp.ClientTimeout
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        headers = {"User-Agent": agent or AGENT, "Accept-Encoding": "identity"}
        try:
            async with (
                aiohttp.ClientSession(
                    connector=self._connector(),
                    timeout=timeout,
                    headers=headers,
                    auto_decompress=False,
                ) as session,
                await self._follow(session, url) as answer,
            ):
                yield answer
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NotYet(f"no answer from the vendor ({url}): {type(error).__name__}") from error

    def _connector(self) -> aiohttp.TCPConnector:
        if self.base:
            return aiohttp.TCPConnector(resolver=self.names)
        names = self.names or aiohttp.ThreadedResolver()
        return aiohttp.TCPConnector(resolver=PublicNames(names))

    async def _follow(self, session: aiohttp.ClientSession, url: str) -> aiohttp.ClientResponse:
        """Return the answer at the end of all redirects, each of them vetted like the first."""
        for _ in range(HOPS):
            self.vetted(url)
            place = outside.mirrored(url, self.base)
            answer = await session.get(place, allow_redirects=False)
            if answer.status not in REDIRECTS:
                return _good(answer, url)
            answer.release()
            url = outside.redirected(url, answer.headers.get("Location", ""), self.base)
        raise StepFailed(f"the vendor redirects without an end ({url})")


def _good(answer: aiohttp.ClientResponse, url: str) -> aiohttp.ClientResponse:
    if answer.status == FINE:
        return answer
    answer.release()
    why = f"the vendor answered {answer.status} ({url})"
    if answer.status in PASSING or answer.status >= SERVERS:
        raise NotYet(why)
    raise StepFailed(why, remedy="Choose a version that the vendor offers, or `latest`.")
