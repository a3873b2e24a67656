"""Reads what an operation's log holds so far, page by page."""

from collections.abc import AsyncGenerator
from typing import Final

import httpx
from pydantic import BaseModel, ValidationError

from yard_cli.client.api import Gateway
from yard_cli.client.http import http_client
from yard_cli.client.models import Line
from yard_cli.failure import Failure

PAGE: Final = 1000


class LogPage(BaseModel, frozen=True):
    """Some lines, and where to go on."""

    items: tuple[Line, ...]
    next_after: int
    ended: bool = False


async def history(gateway: Gateway, operation_id: str, *, after: int = 0) -> AsyncGenerator[Line]:
    """Yield the lines recorded by now."""
    ticket = await gateway.log_ticket(operation_id)
    headers = {"Authorization": f"Bearer {ticket.ticket}"}
    async with http_client(ticket.history_url, headers=headers) as http:
        while True:
            query = {"after": str(after), "limit": str(PAGE)}
            try:
                response = await http.get(ticket.history_url, params=query)
            except httpx.TransportError as error:
                raise Failure(
                    f"the log-service at {ticket.history_url} does not answer", "./yard status"
                ) from error
            if not response.is_success:
                raise Failure(
                    f"the log-service refused: HTTP {response.status_code}", "./yard status"
                )
            page = _read(response)
            for line in page.items:
                yield line
            if page.ended or not page.items:
                return
            after = page.next_after


def _read(response: httpx.Response) -> LogPage:
    try:
        return LogPage.model_validate_json(response.content)
    except ValidationError as error:
        raise Failure("the log-service's answer was not understood", "./yard status") from error
