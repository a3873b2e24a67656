"""Commands about operations: what goes on, its log, and giving it up."""

from contextlib import aclosing
from typing import Annotated

import typer

from yard_cli.client.log_follow import follow as follow_log
from yard_cli.client.log_history import history
from yard_cli.client.models import Line
from yard_cli.commands import options
from yard_cli.commands.target import api
from yard_cli.interrupts import run
from yard_cli.render import console, line_text, seconds, show_json, show_table

OperationId = Annotated[str, typer.Argument(help="The operation's id; see: yard operations.")]


def operations(
    url: options.Url = None, data: options.Data = None, as_json: options.Json = False
) -> None:
    """List operations, newest first."""

    async def ask() -> None:
        async with api(url, data) as gateway:
            found = await gateway.operations()
        if as_json:
            show_json(found)
            return
        rows = [(one.id, one.kind, one.state, one.server_id, seconds(one.seconds)) for one in found]
        show_table(("ID", "KIND", "STATE", "SERVER", "TOOK"), rows)

    run(ask())


def logs(
    operation_id: OperationId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    after: Annotated[int, typer.Option(help="Begin after this line.", min=0)] = 0,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Show an operation's log."""
    out = console()

    def show(line: Line) -> None:
        if as_json:
            show_json(line)
        else:
            out.print(line_text(line))

    async def ask() -> None:
        async with api(url, data) as gateway:
            lines = (follow_log if follow else history)(gateway, operation_id, after=after)
            async with aclosing(lines):
                async for line in lines:
                    show(line)

    run(ask())


def cancel(
    operation_id: OperationId,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Give an operation up; what it made is removed."""

    async def ask() -> None:
        async with api(url, data) as gateway:
            operation = await gateway.cancel(operation_id)
        if as_json:
            show_json(operation)
        else:
            console().print(f"{operation.id} is {operation.state}")

    run(ask())
