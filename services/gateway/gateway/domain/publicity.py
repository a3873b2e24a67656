"""A public event on its way: noticed, then written with its numbers, then told to the world."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, JsonValue

from common.contracts import public_events as public

PING: Final = "webhook.ping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A public event before it has its number. ``subject_id``: what it is about, by its id.

    ``only_for``: the one webhook endpoint that gets it; what did not happen is told to no other.
    """

    type: str
    subject_id: str
    owner_id: str
    time: datetime
    data: BaseModel
    only_for: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A public event as it was written, with its numbers. ``data`` as JSON."""

    position: int
    id: str
    type: str
    owner_id: str
    subject_id: str
    sequence: int
    time: datetime
    data: Mapping[str, JsonValue]
    only_for: str | None = None


def envelope(event: Published) -> public.PublicEvent[Any]:
    """Return the event as the world gets it."""
    collection = {"srv": "servers", "whk": "webhooks"}[event.subject_id.partition("_")[0]]
    return public.PublicEvent[Any](
        id=event.id,
        source=f"/v1/{collection}/{event.subject_id}",
        type=event.type,
        subject=event.subject_id,
        time=event.time,
        timestamp=event.time,
        dataschema=public.schema_path(event.type),
        sequence=f"{event.sequence:0{public.SEQUENCE_DIGITS}}",
        data=dict(event.data),
        example=True if event.only_for and event.type != PING else None,
    )
