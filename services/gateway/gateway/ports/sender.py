"""Who carries a webhook to its endpoint, and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Reason(StrEnum):
    """Why there is no answer, in words."""

    REFUSED = "address refused"
    TIMEOUT = "timeout"
    TLS = "tls"
    CONNECTION = "connection"


class NotSent(Exception):
    """No answer came. ``detail`` is a sentence for people and holds nothing of the URL's path.

    Whether the request arrived is known for ``REFUSED`` and ``TLS`` alone: it did not.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an endpoint said. ``body``: its beginning, as it came; ``took``: seconds in all."""

    status: int
    retry_after: str | None
    body: bytes
    took: float


class Sender(Protocol):
    """The way out."""

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send once, and return whatever is answered, a redirect too. Raises ``NotSent``."""
        ...
