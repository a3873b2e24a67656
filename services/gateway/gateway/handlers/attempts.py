"""One attempt at a delivery: what is sent, and what came of it, in words."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common.security.sealing import CannotOpen
from gateway.domain.chat_formats import body_of
from gateway.domain.delivering import Outcome
from gateway.domain.delivery import Delivery
from gateway.domain.endpoint import Endpoint
from gateway.domain.publicity import Published
from gateway.domain.signing import signed_headers
from gateway.domain.subscription import as_told
from gateway.handlers.webhook_seals import opened_headers, opened_keys
from gateway.ports.deliveries import Opener
from gateway.ports.sender import NotSent, Sender

log = logging.getLogger(__name__)

AGENT: Final = "Spawnyard-Webhooks/1"
HANG: Final = 60.0  # seconds; the sender gives up long before


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """A delivery that is due, with its event."""

    delivery: Delivery
    event: Published


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempting:
    """What an attempt needs."""

    sender: Sender
    opener: Opener
    clock: Callable[[], datetime]

    async def attempt(self, endpoint: Endpoint, dispatch: Dispatch) -> Outcome:
        """Send once. Whatever goes wrong is an outcome: nothing is raised but cancellation."""
        event_id, at, began = dispatch.event.id, self.clock(), time.monotonic()
        try:
            body = body_of(endpoint.format, as_told(dispatch.event), endpoint.options)
            headers = self._headers(endpoint, dispatch, body, at=at)
            async with asyncio.timeout(HANG):
                answer = await self.sender.post(endpoint.url, headers=headers, body=body)
        except Exception as error:  # noqa: BLE001  it is an outcome, told and logged
            took = time.monotonic() - began
            return Outcome(
                event_id=event_id, url=endpoint.url, at=at, took=took, error=_in_words(error)
            )
        return Outcome(
            event_id=event_id,
            url=endpoint.url,
            at=at,
            took=answer.took,
            status=answer.status,
            retry_after=answer.retry_after,
            answer=answer.body,
        )

    def _headers(
        self, endpoint: Endpoint, dispatch: Dispatch, body: bytes, *, at: datetime
    ) -> dict[str, str]:
        """Return all headers; the endpoint's own cannot take the place of ours."""
        keys = opened_keys(endpoint, self.opener, at=at)
        return {
            **opened_headers(endpoint, self.opener),
            "content-type": "application/json",
            "user-agent": AGENT,
            "webhook-attempt": str(dispatch.delivery.attempts + 1),
            **signed_headers(body, id=dispatch.event.id, at=at, keys=keys),
        }


def _in_words(error: Exception) -> str:
    match error:
        case NotSent():
            return error.detail
        case TimeoutError():
            return f"nothing came back within {HANG:.0f} s"
        case CannotOpen():
            return f"its keys or headers could not be opened here: {error}"
        case _:
            log.error("an attempt failed in a way nobody thought of", exc_info=error)
            return f"the gateway failed at it ({type(error).__name__}); its log says more"
