"""Commands about public events: what happened, and what happens."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Annotated, Any, cast

import typer
from rich.text import Text

from yard_cli.client.api import Gateway
from yard_cli.client.events import Event, Told, following, latest
from yard_cli.client.lookup import server_called
from yard_cli.client.wire import Query, Wire
from yard_cli.commands import options
from yard_cli.commands.target import with_gateway
from yard_cli.render import COLOURS, console, printable, show_json


def events(  # noqa: PLR0913, PLR0917  each is an option of the command
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they come.")] = False,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", "-t", help="Only of this type; server.* means all that begin so."),
    ] = None,
    server: Annotated[
        str | None, typer.Option("--server", "-s", help="Only of this one: name or id.")
    ] = None,
    everybody: Annotated[
        bool, typer.Option("--all", help="Everybody's: for administrators.")
    ] = False,
    last: Annotated[int, typer.Option(help="Begin with so many of the last.", min=1, max=200)] = 20,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Show what happened to your servers, and with -f what happens."""
    out = console()

    async def ask(gateway: Gateway) -> None:
        query: dict[str, str | list[str]] = {"type": types} if types else {}
        if everybody:
            query["all"] = "true"
        if server:
            query["server_id"] = await server_called(gateway, server)
        told = following if follow else _once
        async with aclosing(told(gateway.wire, query=query, count=last)) as found:
            async for one in found:
                if as_json:
                    show_json(one)
                else:
                    out.print(line_of(one.event))

    with_gateway(url, data, ask)


async def _once(wire: Wire, *, query: Query, count: int) -> AsyncGenerator[Told]:
    for told in (await latest(wire, query=query, count=count)).items:
        yield told


def line_of(event: Event) -> Text:
    """Lay an event out: when, what, to which server, and what there is to say of it."""
    about, state = _words(event)
    return Text.assemble(
        (f"{event.time.astimezone():%H:%M:%S} ", "bright_black"),
        (f"{event.type:<24} ", COLOURS.get(state, "cyan")),
        (f"{printable(_name(event)):<20} ", "bold"),
        printable(about),
    )


def _name(event: Event) -> str:
    for part in ("server", "webhook"):
        if name := _part(event.data, part).get("name"):
            return str(name)
    return event.subject


def _words(event: Event) -> tuple[str, str]:
    """Return what there is to say of it, and the state whose colour it has."""
    data = event.data
    operation, step = _part(data, "operation"), _part(data, "step")
    error = _part(data, "error")
    said = (
        str(operation.get("kind") or ""),
        f"{step['name']} {step['state']}" if step else "",
        str(data.get("connect") or ""),
        _crowd(data),
        str(error.get("detail") or data.get("reason") or ""),
    )
    state = step.get("state") or event.type.rpartition(".")[2]
    return "  ".join(filter(None, said)), str(state)


def _crowd(data: Mapping[str, Any]) -> str:
    if "players" not in data:
        return ""
    most = f" of {data['max_players']}" if data.get("max_players") else ""
    return f"{data['players']}{most} playing"


def _part(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return cast("Mapping[str, Any]", found) if isinstance(found, dict) else {}
