"""Reads what an operation's log holds so far, page by page."""

from collections.abc import AsyncGenerator
from typing import Final

import httpx
from pydantic import BaseModel

from yard_cli.client.api import Gateway
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
    async with httpx.AsyncClient(timeout=30, headers=headers) as http:
        while True:
            query = {"after": str(after), "limit": str(PAGE)}
            response = await http.get(ticket.history_url, params=query)
            if not response.is_success:
                raise Failure(
                    f"the log-service refused: HTTP {response.status_code}", "yard status"
                )
            page = LogPage.model_validate_json(response.content)
            for line in page.items:
                yield line
            if page.ended or not page.items:
                return
            after = page.next_after
