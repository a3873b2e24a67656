"""``GET /v1/operations/{id}/log``: what was recorded, page by page."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import BaseModel

from common.contracts.logs import StoredLine
from log_service.api.problems import SECRET_IN_URL
from log_service.domain.backlog import fitting
from log_service.domain.errors import TicketRefused
from log_service.handlers import admit, read_page
from log_service.ports import Tickets, UnitOfWork

PAGE_BYTES: Final = 1_048_576
SECRETS: Final = frozenset({"token", "ticket", "access_token"})


class LogPage(BaseModel):
    """Lines in order. Go on with ``after=next_after``; ``ended`` means nothing will follow."""

    items: list[StoredLine]
    next_after: int
    ended: bool


def no_secret_in_url(request: Request) -> None:
    """Refuse a request that shows its ticket to every proxy."""
    if SECRETS & request.query_params.keys():
        raise SECRET_IN_URL


def history_routes(*, work: UnitOfWork, tickets: Tickets) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["logs"], dependencies=[Depends(no_secret_in_url)])

    @routes.get("/v1/operations/{id}/log")
    async def history(
        id: str,
        authorization: Annotated[str, Header(max_length=8192)] = "",
        after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
    ) -> LogPage:
        """Return recorded lines that follow ``after``, as many as fit into a page."""
        await admit(bearer(authorization), stream_id=id, tickets=tickets)
        page = await read_page(id, after, limit=limit, work=work)
        items = page.lines[: fitting(page.lines, size=PAGE_BYTES)]
        next_after = items[-1].sequence if items else after
        ended = page.ended and next_after >= page.last_sequence
        return LogPage(items=list(items), next_after=next_after, ended=ended)

    return routes


def bearer(authorization: str) -> str:
    """Return the ticket in an ``Authorization`` header. Raises ``TicketRefused``."""
    scheme, _, ticket = authorization.partition(" ")
    if scheme.lower() != "bearer" or not ticket:
        raise TicketRefused
    return ticket.strip()
