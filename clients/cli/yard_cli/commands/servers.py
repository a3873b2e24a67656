"""Commands about games and servers: what there is, what is wanted, what may go."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer
from pydantic import JsonValue

from common.contracts.ids import new_id
from yard_cli.client.models import Operation
from yard_cli.commands import options
from yard_cli.commands.following import follow_to_the_end
from yard_cli.commands.target import api
from yard_cli.failure import Failure
from yard_cli.interrupts import run
from yard_cli.render import console, show_json, show_table

Follow = Annotated[
    bool, typer.Option("--follow", "-f", help="Stay, show the log, end with its outcome.")
]


def games(
    url: options.Url = None, data: options.Data = None, as_json: options.Json = False
) -> None:
    """List the games that can be deployed."""

    async def ask() -> None:
        async with api(url, data) as gateway:
            found = await gateway.games()
        if as_json:
            show_json(found)
            return
        rows = [(game.id, game.name, game.version, game.maturity, game.summary) for game in found]
        show_table(("ID", "NAME", "VERSION", "MATURITY", "SUMMARY"), rows)

    run(ask())


def deploy(  # noqa: PLR0913, PLR0917  each is an option of the command
    game: Annotated[str, typer.Argument(help="The game's id; see: yard games.")],
    name: Annotated[str | None, typer.Option(help="Name of the server.")] = None,
    plan: Annotated[str | None, typer.Option(help="Size; the game's own by default.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="A setting of the game."),
    ] = None,
    keep_on_failure: Annotated[
        bool, typer.Option("--keep-on-failure", help="Keep the VM if it fails, to look into it.")
    ] = False,
    follow: Follow = False,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Ask for a game server."""
    given = {"name": name, "plan": plan, "settings": _settings(settings or ()) or None}
    wanted: dict[str, JsonValue] = {key: value for key, value in given.items() if value is not None}
    wanted |= {"game": game, "keep_on_failure": keep_on_failure}

    async def ask() -> None:
        async with api(url, data) as gateway:
            operation = await gateway.deploy(wanted, key=new_id("request"))
            if follow:
                await follow_to_the_end(gateway, operation, as_json=as_json)
                return
        _show_asked(operation, as_json=as_json)

    run(ask())


def servers(
    url: options.Url = None, data: options.Data = None, as_json: options.Json = False
) -> None:
    """List your servers."""

    async def ask() -> None:
        async with api(url, data) as gateway:
            found = await gateway.servers()
        if as_json:
            show_json(found)
            return
        rows = [(one.id, one.name, one.game, one.phase, one.connect or "") for one in found]
        show_table(("ID", "NAME", "GAME", "PHASE", "CONNECT"), rows)

    run(ask())


def delete(
    server_id: Annotated[str, typer.Argument(help="The server's id; see: yard servers.")],
    follow: Follow = False,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Remove a server and its VM."""

    async def ask() -> None:
        async with api(url, data) as gateway:
            operation = await gateway.delete(server_id)
            if follow:
                await follow_to_the_end(gateway, operation, as_json=as_json)
                return
        _show_asked(operation, as_json=as_json)

    run(ask())


def _show_asked(operation: Operation, *, as_json: bool) -> None:
    if as_json:
        show_json(operation)
        return
    console().print(f"{operation.kind} of {operation.server_id} was accepted: {operation.id}")
    console().print(f"follow it with: yard logs -f {operation.id}")


def _settings(pairs: Sequence[str]) -> dict[str, JsonValue]:
    """Read ``key=value``; a value that is JSON (a number, true) is taken as such."""
    found: dict[str, JsonValue] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise Failure(f"{pair!r} is not a setting", "write it as: --set KEY=VALUE")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found
