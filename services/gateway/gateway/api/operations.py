"""``/v1/operations``: watch what is being done, follow its log, call it off."""

from fastapi import APIRouter, Response, status
from pydantic import BaseModel

from common.contracts.base import now
from gateway.api.dependencies import Caller, Gateway
from gateway.api.pages import AfterOperation, Limit, OfServer, OperationId, next_cursor, page
from gateway.api.views import OperationView, operation_path
from gateway.domain.transitions import State
from gateway.domain.user import TICKET_LIFE
from gateway.handlers import operations

router = APIRouter(prefix="/v1/operations", tags=["operations"])


class Operations(BaseModel):
    """A page of operations, newest first."""

    items: list[OperationView]
    next_cursor: str | None


class LogTicket(BaseModel):
    """A ticket for one log: send it in the first frame, or as a bearer token; never in a URL."""

    ticket: str
    expires_in: int
    history_url: str
    stream_url: str


@router.get("")
async def list_operations(
    caller: Caller,
    gateway: Gateway,
    limit: Limit = 50,
    after: AfterOperation = None,
    state: State | None = None,
    server_id: OfServer = None,
) -> Operations:
    """List your operations, newest first."""
    found = await operations.operations_of(
        caller.user_id,
        page=page(limit=limit, after=after),
        state=state,
        server_id=server_id,
        work=gateway.work,
    )
    return Operations(
        items=[OperationView.of(operation) for operation in found[:limit]],
        next_cursor=next_cursor(found, limit=limit),
    )


@router.get("/{id}")
async def get_operation(id: OperationId, caller: Caller, gateway: Gateway) -> OperationView:
    """Return one operation."""
    operation = await operations.get_operation(
        id, owner_id=caller.user_id, is_admin=caller.is_admin, work=gateway.work
    )
    return OperationView.of(operation)


@router.post("/{id}/cancel", status_code=status.HTTP_202_ACCEPTED)
async def request_cancel(
    id: OperationId, caller: Caller, gateway: Gateway, response: Response
) -> OperationView:
    """Ask for an operation to be called off and taken back. Asking again changes nothing."""
    operation = await operations.request_cancel(
        id, owner_id=caller.user_id, is_admin=caller.is_admin, work=gateway.work, at=now()
    )
    response.headers["Location"] = operation_path(operation.id)
    return OperationView.of(operation)


@router.post("/{id}/log-tickets", status_code=status.HTTP_201_CREATED)
async def issue_log_ticket(id: OperationId, caller: Caller, gateway: Gateway) -> LogTicket:
    """Return a short-lived ticket for the operation's log, and where to show it."""
    ticket = await operations.issue_log_ticket(
        id,
        owner_id=caller.user_id,
        is_admin=caller.is_admin,
        work=gateway.work,
        tokens=gateway.tokens,
    )
    history = f"{gateway.public_log_url.rstrip('/')}{operation_path(id)}/log"
    return LogTicket(
        ticket=ticket,
        expires_in=int(TICKET_LIFE.total_seconds()),
        history_url=history,
        stream_url=f"ws{history.removeprefix('http')}/stream",
    )
