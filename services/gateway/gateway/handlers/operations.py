"""What the gateway does when a user looks at an operation, follows its log or calls it off."""

from collections.abc import Sequence
from datetime import datetime

from gateway.domain.errors import NotCancellable, OperationEnded, OperationNotFound
from gateway.domain.operation import Operation, takes
from gateway.domain.transitions import CancelAsked, State
from gateway.handlers.transition import move
from gateway.ports.accounts import Tokens
from gateway.ports.records import Page
from gateway.ports.work import UnitOfWork


async def get_operation(
    id: str, *, owner_id: str, work: UnitOfWork, is_admin: bool = False
) -> Operation:
    """Return one of the owner's operations; to an administrator, also what is done to templates."""
    async with work() as tx:
        return _own(await tx.operations.find(id), owner_id, is_admin=is_admin)


async def operations_of(
    owner_id: str, *, page: Page, state: State | None, server_id: str | None, work: UnitOfWork
) -> Sequence[Operation]:
    """Return the owner's operations, newest first."""
    async with work() as tx:
        return await tx.operations.of_owner(owner_id, page=page, state=state, server_id=server_id)


async def request_cancel(
    id: str, *, owner_id: str, work: UnitOfWork, at: datetime, is_admin: bool = False
) -> Operation:
    """Ask an operation to stop: a deployment is taken back, a change let go of.

    Asking again changes nothing.
    """
    async with work() as tx:
        operation = _own(await tx.operations.hold(id), owner_id, is_admin=is_admin)
        if operation.has_ended:
            raise OperationEnded(
                f"The operation has ended already: {operation.state}.",
                remedy="See GET /v1/servers/{id} for what the server can be asked for now.",
            )
        if not takes(operation, CancelAsked()):
            raise NotCancellable(
                f"An operation of kind {operation.kind} runs to its end.",
                remedy="Wait for its end.",
            )
        return await move(tx, operation, CancelAsked(), at=at)


async def issue_log_ticket(
    id: str, *, owner_id: str, work: UnitOfWork, tokens: Tokens, is_admin: bool = False
) -> str:
    """Return a short-lived ticket for the operation's log."""
    operation = await get_operation(id, owner_id=owner_id, work=work, is_admin=is_admin)
    return tokens.log_ticket(user_id=owner_id, stream=operation.id)


def _own(operation: Operation | None, owner_id: str, *, is_admin: bool) -> Operation:
    if operation is not None:
        everybodys = is_admin and operation.spec.purpose == "template"
        if everybodys or operation.owner_id == owner_id:
            return operation
    raise OperationNotFound("You have no operation of this id.", remedy="See GET /v1/operations.")
