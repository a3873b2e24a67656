"""A webhook endpoint: an address that somebody wants to hear of events at, and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import JsonValue

from gateway.domain.chat_formats import Format
from gateway.domain.signing import Scheme


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptKey:
    """A signing key at rest. ``sealed``: its text, in an envelope that opens for this endpoint.

    ``expires_at``: when a key that was followed by another signs no more; none: it is the newest.
    """

    scheme: Scheme
    sealed: str
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where events go. ``owner_id``: whose events; none: everybody's (administrators set it up).

    ``url`` may hold a secret: it is told to its owner alone, and to no log. ``types``: which events
    (``server.*``: all that begin so; none: all). ``filter``: conditions on the event (see
    ``event_filter``). ``options``: what the format needs to know. ``headers``: sealed, as JSON.
    ``rate``: deliveries a second at most; none: as they come. ``in_order``: a server's next event
    waits for the former, for 15 minutes at most. ``failing_since``: of the first failure that no
    success followed. ``warned``: percent of the time until it is disabled that were warned of.
    ``revision``: counts changes by people.
    """

    id: str
    owner_id: str | None
    name: str
    url: str = field(repr=False)
    created_at: datetime
    updated_at: datetime
    format: Format = Format.STANDARD
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    types: tuple[str, ...] = ()
    filter: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    headers: str | None = None
    keys: tuple[KeptKey, ...] = ()
    rate: float | None = None
    max_in_flight: int = 2
    in_order: bool = False
    enabled: bool = True
    disabled_reason: str | None = None
    failing_since: datetime | None = None
    warned: int = 0
    revision: int = 1

    @property
    def gap(self) -> timedelta:
        """How much time is between the beginnings of two attempts at least."""
        return timedelta(seconds=1 / self.rate) if self.rate else timedelta(0)
