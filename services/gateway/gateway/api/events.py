"""``/v1/events``: what happened to what is yours, in order: a page at a time, or live.

Each event has a position; ask for those after the last one you have seen. Live (Server-Sent
Events), the position is the event's id: a client that comes back sends it as ``Last-Event-ID``.
"""

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from common.contracts import public_events as public
from common.contracts.base import now
from gateway.api import asyncapi
from gateway.api.dependencies import Authenticated, Caller, Gateway, Parts, only_admins
from gateway.api.pages import Limit, OfServer
from gateway.domain.administration import AdminOnly
from gateway.domain.admission import NotAuthenticated
from gateway.domain.errors import EventTypeNotFound
from gateway.domain.publicity import envelope
from gateway.domain.subscription import as_told
from gateway.handlers import public_events, users
from gateway.handlers.hypervisor import check_admin
from gateway.ports.public_events import Sought

TYPE = r"^[a-z_]+(\.[a-z_]+)*(\.v[0-9]+|\.\*)?$"

router = APIRouter(prefix="/v1/events", tags=["events"])
documents = APIRouter(tags=["events"])
types = APIRouter(prefix="/v1/event-types", tags=["events"])

Position = Annotated[int, Query(ge=0, le=2**63 - 1, description="Only events after this position")]
Types = Annotated[
    list[Annotated[str, Query(pattern=TYPE, max_length=80)]],
    Query(max_length=50, description="Only of these types; `server.*` means all that begin so"),
]


class EventView(BaseModel):
    """An event at its position."""

    position: int
    event: public.PublicEvent[Any]


class Events(BaseModel):
    """A page of events. ``next_after``: ask for what comes after it, now or later."""

    items: list[EventView]
    next_after: int


class EventType(BaseModel):
    """A type of event."""

    type: str
    meaning: str
    schema_url: str


@dataclass(frozen=True, slots=True)
class Door:
    """Who seeks which events: what both ways of reading them have in common."""

    caller: Authenticated
    gateway: Parts
    sought: Sought


def door(
    caller: Caller,
    gateway: Gateway,
    type: Types = [],  # noqa: B006  FastAPI copies it
    server_id: OfServer = None,
    all: Annotated[bool, Query(description="Everybody's events: for administrators")] = False,
) -> Door:
    """Say what is sought. Raises ``AdminOnly`` for others' events."""
    if all:
        only_admins(caller)
    sought = Sought(
        after=0,
        limit=0,
        owner_id=None if all else caller.user_id,
        types=tuple(type),
        subject_id=server_id,
    )
    return Door(caller, gateway, sought)


Here = Annotated[Door, Depends(door)]


@router.get("", response_model_exclude_none=True)  # what is told looks the same everywhere
async def list_events(
    here: Here,
    after: Position = 0,
    limit: Limit = 50,
    newest: Annotated[bool, Query(description="The last ones, not the first ones")] = False,
) -> Events:
    """List events after a position, oldest first. An empty page: nothing has happened since."""
    sought = replace(here.sought, after=after, limit=limit, newest=newest)
    # Before the look: whoever goes on from there misses nothing that comes meanwhile.
    last = await public_events.last_position(work=here.gateway.work)
    found = await public_events.events_after(sought, work=here.gateway.work)
    is_all = newest or len(found) < limit
    return Events(
        items=[EventView(position=event.position, event=envelope(event)) for event in found],
        next_after=max(found[-1].position if found else 0, last if is_all else 0),
    )


async def seated(here: Here) -> AsyncGenerator[None]:
    """Let a user follow in so many places at a time. Raises ``TooManyStreams``."""
    with here.gateway.news.seat(here.caller.user_id):
        yield


@router.get("/stream", response_class=EventSourceResponse, dependencies=[Depends(seated)])
async def follow_events(
    here: Here,
    after: Annotated[int | None, Query(ge=0, description="None: only what is new")] = None,
    last_event_id: Annotated[int | None, Header(ge=0)] = None,
) -> AsyncIterable[ServerSentEvent]:
    """Tell events as they happen, after a position, for as long as the session lasts."""
    work, news = here.gateway.work, here.gateway.news
    last = await public_events.last_position(work=work)
    wanted = last_event_id if last_event_id is not None else after
    # Nobody has seen what is to come: who says so knows a database that was set back since.
    since = last if wanted is None else min(wanted, last)

    sought = replace(here.sought, after=since)

    async def check() -> None:
        user = await users.caller_of(
            user_id=here.caller.user_id, session_id=here.caller.session_id, work=work, at=now()
        )
        if sought.owner_id is None:
            check_admin(user)

    yield ServerSentEvent(comment=f"events after {since}", retry=2000)
    # The answer has begun: all that is left then is to end it.
    with suppress(NotAuthenticated, AdminOnly):
        async for event in public_events.follow(sought, work=work, news=news, check=check):
            yield ServerSentEvent(id=str(event.position), event=event.type, data=as_told(event))


@types.get("")
async def list_event_types() -> list[EventType]:
    """List the types of events, in the order of a server's life."""
    return [
        EventType(type=name, meaning=meaning, schema_url=public.schema_path(name))
        for name, (_, meaning) in public.CATALOGUE.items()
    ]


@types.get("/{type}/schema")
async def get_event_schema(type: Annotated[str, Path(pattern=TYPE, max_length=80)]) -> JSONResponse:
    """Return the JSON Schema of a type, envelope and all."""
    if type not in public.CATALOGUE:
        raise EventTypeNotFound(
            "There is no event of this type.", remedy="See GET /v1/event-types for the types."
        )
    return JSONResponse(public.schema(type), media_type="application/schema+json")


@documents.get("/v1/asyncapi.json")
async def get_asyncapi() -> JSONResponse:
    """Return the AsyncAPI 3 document: every event, live and as a webhook."""
    return JSONResponse(asyncapi.document())
