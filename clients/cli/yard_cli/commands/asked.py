"""What every command does that asks for an operation: show it, or stay with it to its end."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from yard_cli.client.api import Gateway
from yard_cli.client.lookup import server_called
from yard_cli.client.models import Operation
from yard_cli.commands.following import follow_to_the_end
from yard_cli.commands.target import with_gateway
from yard_cli.render import console, show_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """Which gateway is asked, and how its answer is shown."""

    url: str | None
    data: Path | None
    follow: bool
    as_json: bool


def ask(manner: Manner, request: Callable[[Gateway], Awaitable[Operation]]) -> None:
    """Make a request, and show the operation that it began."""

    async def do(gateway: Gateway) -> None:
        operation = await request(gateway)
        if manner.follow:
            await follow_to_the_end(gateway, operation, as_json=manner.as_json)
        else:
            _show(operation, as_json=manner.as_json)

    with_gateway(manner.url, manner.data, do)


def ask_of(
    server: str, manner: Manner, request: Callable[[Gateway, str], Awaitable[Operation]]
) -> None:
    """Make a request about the server that people call ``server``."""

    async def about(gateway: Gateway) -> Operation:
        return await request(gateway, await server_called(gateway, server))

    ask(manner, about)


def _show(operation: Operation, *, as_json: bool) -> None:
    if as_json:
        show_json(operation)
        return
    console().print(f"{operation.kind} of {operation.server_id} was accepted: {operation.id}")
    console().print(f"follow it with: ./yard logs -f {operation.id}")
