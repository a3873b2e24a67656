"""Puts events that just got their positions on their way to the endpoints that want them."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.domain.endpoint import Endpoint
from gateway.domain.publicity import Published
from gateway.domain.subscription import as_told, delivery_of, wants
from gateway.ports.work import Work

log = logging.getLogger(__name__)


async def fan_out(tx: Work, events: Sequence[Published], *, at: datetime) -> None:
    """Add one delivery for each event and endpoint that wants it; twice is once.

    Within the transaction that gives the positions: an event that can be read is on its way.
    """
    endpoints = await _concerned(tx, events) if events else ()
    if not endpoints:
        return
    told = [(event, as_told(event)) for event in events]
    await tx.deliveries.add(
        *(
            delivery_of(event, endpoint, at=at)
            for event, as_json in told
            for endpoint in endpoints
            if _is_wanted(endpoint, event, as_json)
        )
    )


async def _concerned(tx: Work, events: Sequence[Published]) -> Sequence[Endpoint]:
    """Read those that may have any of the events: the others are others' and may be many."""
    return await tx.endpoints.enabled(
        owners={event.owner_id for event in events},
        ids={event.only_for for event in events if event.only_for},
    )


def _is_wanted(endpoint: Endpoint, event: Published, told: Mapping[str, Any]) -> bool:
    """Tell whether it gets the event; a filter that fails keeps it from no other endpoint."""
    try:
        return wants(endpoint, event, told)
    except Exception:
        log.exception("a filter failed: it gets nothing", extra={"endpoint_id": endpoint.id})
        return False
