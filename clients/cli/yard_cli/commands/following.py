"""Stays with an operation until it ends: its log as it comes, then its outcome."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final

import httpx
from rich.console import Console

from yard_cli.client.api import Gateway
from yard_cli.client.log_follow import follow
from yard_cli.client.models import Line, Operation
from yard_cli.failure import Failure
from yard_cli.render import console, print_line, seconds, show_json
from yard_cli.show.live import LiveShow

ASK_EVERY: Final = 0.2
SILENCE: Final = 60.0  # seconds a gateway may be away before we give up
LAST_LINES_WITHIN: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an operation ended, and how many lines its log had by then."""

    operation: Operation
    log_lines: int


async def stay(
    gateway: Gateway,
    operation_id: str,
    *,
    on_line: Callable[[Line], None],
    on_change: Callable[[Operation], None] = lambda _: None,
) -> Outcome:
    """Report lines and changes until the operation has ended and its log is complete."""
    count = 0

    async def tell_lines() -> None:
        nonlocal count
        async with aclosing(follow(gateway, operation_id)) as lines:
            async for line in lines:
                count += 1
                on_line(line)

    listener = asyncio.create_task(tell_lines())
    try:
        operation = await _ended(gateway, operation_id, on_change=on_change)
        with suppress(TimeoutError):
            await asyncio.wait_for(listener, LAST_LINES_WITHIN)
    finally:
        listener.cancel()
    return Outcome(operation=operation, log_lines=count)


async def follow_to_the_end(gateway: Gateway, operation: Operation, *, as_json: bool) -> None:
    """Show the log, then the outcome; a bad one is a failure."""
    out = console(to_stderr=as_json)
    try:
        outcome = await _shown(gateway, operation.id, out=out)
    except asyncio.CancelledError:
        out.print(
            f"{operation.id} goes on without you: ./yard logs -f, or ./yard cancel, with its id"
        )
        raise
    server = await gateway.server(operation.server_id)
    if as_json:
        show_json(
            {"operation": outcome.operation, "server": server, "log_lines": outcome.log_lines}
        )
    check(outcome.operation)
    out.print(f"{operation.kind} succeeded in {seconds(outcome.operation.seconds)}")
    if server.connect and server.phase == "running":
        out.print(f"connect: {server.connect}")


async def _shown(gateway: Gateway, operation_id: str, *, out: Console) -> Outcome:
    if not out.is_terminal:
        return await stay(gateway, operation_id, on_line=lambda line: print_line(line, out=out))
    with LiveShow(out) as show:
        show.say(operation_id)
        return await stay(gateway, operation_id, on_line=show.line, on_change=show.operation)


def check(operation: Operation) -> None:
    """Raise unless the operation succeeded."""
    if operation.state == "succeeded":
        return
    error = operation.error
    if error is None:
        raise Failure(f"the operation was {operation.state}", f"./yard logs {operation.id}")
    where = f" at step {error.step}" if error.step else ""
    raise Failure(
        f"{operation.kind} {operation.state}{where}: {error.detail or error.code or 'no reason'}",
        error.remedy,
        details=error.last_lines,
    )


async def _ended(
    gateway: Gateway, operation_id: str, *, on_change: Callable[[Operation], None]
) -> Operation:
    heard = time.monotonic()
    before: Operation | None = None
    while True:
        try:
            operation = await gateway.operation(operation_id)
        except httpx.TransportError:
            # The gateway may be on its way up again; the operation goes on without it.
            if time.monotonic() - heard > SILENCE:
                raise
        else:
            heard = time.monotonic()
            if operation != before:
                on_change(operation)
                before = operation
            if operation.has_ended:
                return operation
        await asyncio.sleep(ASK_EVERY)
