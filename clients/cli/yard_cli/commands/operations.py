"""Commands about operations: what goes on, its log, and giving it up."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Annotated, Final

import typer

from yard_cli.client.api import Gateway
from yard_cli.client.log_follow import follow as follow_log
from yard_cli.client.log_history import history
from yard_cli.client.lookup import operation_called
from yard_cli.client.models import Line, Operation
from yard_cli.commands import options
from yard_cli.commands.target import with_gateway
from yard_cli.render import console, print_line, seconds, show_json, show_table

NAMELESS: Final = {"bake": "(template)"}
CALLED: Final = "An id, or its beginning; a server's name means its newest operation."


def operations(
    url: options.Url = None, data: options.Data = None, as_json: options.Json = False
) -> None:
    """List operations, newest first."""

    async def ask(gateway: Gateway) -> tuple[Sequence[Operation], Mapping[str, str]]:
        found = await gateway.operations()
        return found, {} if as_json else {one.id: one.name for one in await gateway.servers()}

    found, names = with_gateway(url, data, ask)
    if as_json:
        show_json(found)
        return
    rows = [
        (
            one.kind,
            names.get(one.server_id, NAMELESS.get(one.kind, "(gone)")),
            one.state,
            "" if one.has_ended else one.step or "",
            seconds(one.seconds),
            one.id,
        )
        for one in found
    ]
    show_table(("KIND", "SERVER", "STATE", "STEP", "TOOK", "ID"), rows, what="operations")


def logs(
    operation: Annotated[
        str | None, typer.Argument(help=CALLED, show_default="the newest of all")
    ] = None,
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
            print_line(line, out=out)

    async def ask(gateway: Gateway) -> None:
        operation_id = await operation_called(gateway, operation)
        lines = (follow_log if follow else history)(gateway, operation_id, after=after)
        async with aclosing(lines):
            async for line in lines:
                show(line)

    with_gateway(url, data, ask)


def cancel(
    operation: Annotated[str, typer.Argument(help=CALLED)],
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Give an operation up: a deployment's VM is removed, any other server stays as it is."""

    async def ask(gateway: Gateway) -> Operation:
        return await gateway.cancel(await operation_called(gateway, operation))

    cancelled = with_gateway(url, data, ask)
    if as_json:
        show_json(cancelled)
    else:
        console().print(f"{cancelled.id} is {cancelled.state}")
