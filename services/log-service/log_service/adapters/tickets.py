"""Judge tickets by the gateway's public keys, fetched when they are needed and kept."""

import asyncio
import logging
import time
from typing import Final

import httpx

from common.security.keys import UnusableKey
from common.security.tokens import LOG_TICKET, InvalidToken, TokenVerifier, verifier_from_jwks
from log_service.domain.errors import KeysUnavailable, TicketRefused

log = logging.getLogger(__name__)

AUDIENCE: Final = "log-service"
PATIENCE: Final = 3.0  # seconds the gateway has to answer


class GatewayTickets:
    """Knows the gateway's keys; asks again, but not often, when a ticket fits none of them."""

    def __init__(
        self, url: str, *, issuer: str, http: httpx.AsyncClient, pause: float = 5.0
    ) -> None:
        self._url = url
        self._issuer = issuer
        self._http = http
        self._pause = pause
        self._verifier: TokenVerifier | None = None
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def stream_of(self, ticket: str) -> str:
        """Return the id of the stream a ticket opens.

        Raises ``TicketRefused``, or ``KeysUnavailable`` as long as no keys were ever heard.
        """
        known = self._verifier
        if known is not None and (stream := self._judge(ticket, known)) is not None:
            return stream
        # It may be signed by a key that is newer than those we know.
        newer = await self._newer_than(known)
        if newer is None:
            raise KeysUnavailable
        stream = None if newer is known else self._judge(ticket, newer)
        if stream is None:
            raise TicketRefused
        return stream

    def _judge(self, ticket: str, verifier: TokenVerifier) -> str | None:
        try:
            claims = verifier.verify(ticket, audience=AUDIENCE, type=LOG_TICKET)
        except InvalidToken:
            return None
        stream = claims.extra.get("stream")
        return stream if isinstance(stream, str) else None

    async def _newer_than(self, known: TokenVerifier | None) -> TokenVerifier | None:
        """Ask for the keys, unless that was done a moment ago; return the newest known."""
        async with self._asking:
            if self._verifier is known and time.monotonic() - self._asked_at >= self._pause:
                await self._ask()
                self._asked_at = time.monotonic()
            return self._verifier

    async def _ask(self) -> None:
        try:
            answer = await self._http.get(self._url, timeout=PATIENCE)
            answer.raise_for_status()
            self._verifier = verifier_from_jwks(answer.json(), issuer=self._issuer)
        except (httpx.HTTPError, ValueError, UnusableKey) as error:
            log.warning("no keys from the gateway", extra={"error": repr(error)})
