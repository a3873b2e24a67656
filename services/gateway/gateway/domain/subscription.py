"""Which events an endpoint gets."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from gateway.domain.delivery import Delivery
from gateway.domain.endpoint import Endpoint
from gateway.domain.event_filter import holds
from gateway.domain.publicity import Published, envelope

ALL_OF: Final = ".*"


def as_told(event: Published) -> Mapping[str, Any]:
    """Return the event's envelope as JSON: what is filtered, and what is sent."""
    return envelope(event).model_dump(mode="json", exclude_none=True)


def may_have(endpoint: Endpoint, event: Published) -> bool:
    """Tell whether it may get the event at all: its owner's, or its very own."""
    if event.only_for is not None:
        return event.only_for == endpoint.id
    return endpoint.owner_id in (None, event.owner_id)


def wants(endpoint: Endpoint, event: Published, told: Mapping[str, Any]) -> bool:
    """Tell whether it gets the event; one of its own (a ping) whatever it subscribed to.

    How an endpoint does is told to others, never to itself.
    """
    if event.only_for is not None:
        return event.only_for == endpoint.id
    return (
        event.subject_id != endpoint.id
        and may_have(endpoint, event)
        and (not endpoint.types or any(is_of(event.type, wanted) for wanted in endpoint.types))
        and holds(endpoint.filter, told)
    )


def is_of(type: str, wanted: str) -> bool:
    """Tell whether a type is the one wanted, or begins as it says (``server.*``)."""
    beginning = beginning_of(wanted)
    return type == wanted if beginning is None else type.startswith(beginning)


def beginning_of(wanted: str) -> str | None:
    """Return how the types begin that ``server.*`` means; none: it is a type itself."""
    return wanted.removesuffix("*") if wanted.endswith(ALL_OF) else None


def delivery_of(event: Published, endpoint: Endpoint, *, at: datetime) -> Delivery:
    """Return the delivery of an event to an endpoint, due at once."""
    return Delivery(
        endpoint_id=endpoint.id,
        event_id=event.id,
        event_type=event.type,
        subject_id=event.subject_id,
        position=event.position,
        created_at=at,
        next_at=at,
    )
