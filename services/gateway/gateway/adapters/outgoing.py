"""The way out for webhooks: one POST, where it may go, and no further than its first answer.

No redirects, no cookies, no proxies, nothing decoded; what the environment says about proxies is
not read. A connection is kept for the next delivery to the same host; it was checked when made.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

import httpcore

from common.security.addresses import Address, Allowance
from gateway.adapters.guarded_network import GuardedNetwork, direct_network
from gateway.adapters.kept_connections import KEPT_FOR, KeptConnections
from gateway.adapters.names import Names, SystemNames, is_ours
from gateway.adapters.troubles import TROUBLES, not_sent
from gateway.domain.delivering import MOST_IN_FLIGHT
from gateway.domain.target import Target, UrlRefused, target_of
from gateway.ports.sender import Answer, NotSent, Reason

# What we say of the connection and the body ourselves, whatever else is to be sent.
OUR_HEADERS: Final = frozenset({
    *("host", "connection", "keep-alive", "content-length", "transfer-encoding", "te", "trailer"),
    *("upgrade", "expect", "accept-encoding", "proxy-connection", "proxy-authorization"),
})  # fmt: skip
HINT: Final = 100  # characters of Retry-After
# What a connection ends with that the other side has let go of, and what tells that one is new.
LET_GO: Final = (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError)
CONNECTING: Final = "connection.connect_tcp.started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long is waited, in seconds, and how much is read, in bytes.

    ``head``: from the beginning until the answer's status is there. ``total``: until the last of
    the body; what has come by then is enough, for the status is known.
    """

    connect: float = 5.0  # to one address, so that the next one has a chance
    head: float = 15.0
    total: float = 20.0
    body: int = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the way out stands on; tests put their own in."""

    names: Names
    network: httpcore.AsyncNetworkBackend = field(default_factory=direct_network)
    trust: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    ours: Callable[[Address], bool] = is_ours


@asynccontextmanager
async def open_sender(allowance: Allowance) -> AsyncGenerator["GuardedSender"]:
    """Give a sender, and close its connections behind it."""
    names = SystemNames()
    sender = GuardedSender(allowance, Outside(names=names))
    try:
        yield sender
    finally:
        await sender.aclose()
        names.close()


class GuardedSender:
    """Sends webhooks to where the allowance lets them go."""

    def __init__(
        self, allowance: Allowance, outside: Outside, *, limits: Limits | None = None
    ) -> None:
        self._allowance = allowance
        self._limits = limits or Limits()
        self._outside = outside
        self._kept = KeptConnections(self._pool)

    def _pool(self, encrypted: bool) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=self._outside.trust,
            max_connections=None,  # whoever hangs takes no connection from anybody else
            max_keepalive_connections=MOST_IN_FLIGHT,
            keepalive_expiry=KEPT_FOR,
            network_backend=GuardedNetwork(
                allowance=self._allowance,
                encrypted=encrypted,
                names=self._outside.names,
                network=self._outside.network,
                ours=self._outside.ours,
            ),
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._kept.aclose()

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send once, and return whatever is answered. Raises ``NotSent``."""
        began = monotonic()
        try:
            target = target_of(url, self._allowance)
        except UrlRefused as refusal:
            raise NotSent(Reason.REFUSED, refusal.detail) from None
        request = self._request(target, headers, body)
        async with AsyncExitStack() as held:
            response = await self._head(request, target, held)
            try:
                beginning = await self._beginning(response, until=began + self._limits.total)
            finally:
                await response.aclose()  # with the connection, unless the body came to its end
        return Answer(
            status=response.status,
            retry_after=_header(response, b"retry-after"),
            body=beginning,
            took=monotonic() - began,
        )

    def _request(self, target: Target, headers: Mapping[str, str], body: bytes) -> httpcore.Request:
        given = {name: text for name, text in headers.items() if name.lower() not in OUR_HEADERS}
        whole = {
            "Host": target.authority,
            **given,
            "Accept-Encoding": "identity",
            "Content-Length": str(len(body)),
        }
        url = httpcore.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=target.path
        )
        return httpcore.Request(
            "POST",
            url,
            headers=[(name.encode(), text.encode()) for name, text in whole.items()],
            content=body,
            extensions={"timeout": {"connect": self._limits.connect}},
        )

    async def _head(
        self, request: httpcore.Request, target: Target, held: AsyncExitStack
    ) -> httpcore.Response:
        """Send; again, once, by a new connection where a kept one was let go of over there."""
        try:
            async with asyncio.timeout(self._limits.head):
                pool = await held.enter_async_context(self._kept.to(target))
                if response := await _sent(request, pool):
                    return response
                fresh = await held.enter_async_context(self._pool(target.encrypted))
                return await fresh.handle_async_request(request)
        except TROUBLES as error:
            raise not_sent(error) from None

    async def _beginning(self, response: httpcore.Response, *, until: float) -> bytes:
        """Return what comes of the body in time; how it ends does not change the status."""
        kept = bytearray()
        with suppress(*TROUBLES):
            async with asyncio.timeout(until - monotonic()):
                async for chunk in response.aiter_stream():
                    kept += chunk
                    if len(kept) >= self._limits.body:
                        break
        return bytes(kept[: self._limits.body])


async def _sent(
    request: httpcore.Request, pool: httpcore.AsyncConnectionPool
) -> httpcore.Response | None:
    """Return the head of the answer; none where a kept connection ended instead."""
    connected = False

    async def trace(event: str, _: Mapping[str, object]) -> None:
        nonlocal connected
        connected = connected or event == CONNECTING

    request.extensions["trace"] = trace  # pyright: ignore[reportUnknownMemberType]  httpcore
    try:
        return await pool.handle_async_request(request)
    except LET_GO:
        if connected:
            raise
    return None


def _header(response: httpcore.Response, wanted: bytes) -> str | None:
    for name, text in response.headers:
        if name.lower() == wanted:
            return text.decode("latin-1")[:HINT]
    return None
