"""The signing keys of a webhook endpoint: one signs, those before it sign on for a while."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from gateway.domain.endpoint import Endpoint, KeptKey
from gateway.domain.endpoint_refusals import TooManyKeys

OVERLAP: Final = timedelta(hours=24)
LONGEST_OVERLAP: Final = timedelta(days=7)
MOST: Final = 5


def signing(endpoint: Endpoint, *, at: datetime) -> tuple[KeptKey, ...]:
    """Return the keys that sign at this time, the newest first."""
    return tuple(key for key in endpoint.keys if key.expires_at is None or at < key.expires_at)


def rotated(endpoint: Endpoint, fresh: KeptKey, *, overlap: timedelta, at: datetime) -> Endpoint:
    """Return the endpoint with another newest key; none of the former outlives the overlap.

    Raises ``TooManyKeys``.
    """
    ends = at + overlap
    former = tuple(
        replace(key, expires_at=min(key.expires_at or ends, ends))
        for key in signing(endpoint, at=at)
        if overlap
    )
    if len(former) >= MOST:
        first = min(key.expires_at for key in former if key.expires_at)
        raise TooManyKeys(
            f"{MOST} secrets sign deliveries of this webhook already.",
            remedy=f"Wait until {first:%Y-%m-%d %H:%M} UTC, or send overlap_hours 0: "
            "then all former ones end now.",
        )
    return replace(endpoint, keys=(fresh, *former), updated_at=at, revision=endpoint.revision + 1)
