"""Commands about servers: what there is, what is wanted, what may go."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer
from pydantic import JsonValue

from common.contracts.ids import new_id
from yard_cli.client.lookup import server_called
from yard_cli.client.models import Game, Operation
from yard_cli.commands import options
from yard_cli.commands.following import follow_to_the_end
from yard_cli.commands.target import api
from yard_cli.failure import Failure
from yard_cli.interrupts import run
from yard_cli.render import console, show_json, show_table

Follow = Annotated[
    bool, typer.Option("--follow", "-f", help="Stay, show the log, end with its outcome.")
]


def deploy(  # noqa: PLR0913, PLR0917  each is an option of the command
    game: Annotated[str, typer.Argument(help="Which game; see: ./yard games.")],
    name: Annotated[str | None, typer.Option(help="Name of the server.")] = None,
    plan: Annotated[str | None, typer.Option(help="Size; the game's own by default.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="A setting; see: ./yard games GAME."),
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
    given = {"name": name, "plan": plan}
    wanted: dict[str, JsonValue] = {key: value for key, value in given.items() if value is not None}
    wanted |= {"game": game, "keep_on_failure": keep_on_failure}
    pairs = [_pair(setting) for setting in settings or ()]

    async def ask() -> None:
        async with api(url, data) as gateway:
            if pairs:
                wanted["settings"] = settings_for(await gateway.game(game), pairs)
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
        rows = [(one.name, one.game, one.phase, one.connect or "", one.id) for one in found]
        show_table(("NAME", "GAME", "PHASE", "CONNECT", "ID"), rows, what="servers")

    run(ask())


def delete(
    server: Annotated[str, typer.Argument(help="Its name, or its id, or the id's beginning.")],
    follow: Follow = False,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Remove a server and its VM."""

    async def ask() -> None:
        async with api(url, data) as gateway:
            operation = await gateway.delete(await server_called(gateway, server))
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
    console().print(f"follow it with: ./yard logs -f {operation.id}")


def _pair(setting: str) -> tuple[str, str]:
    key, equals, value = setting.partition("=")
    if not equals:
        raise Failure(f"{setting!r} is not a setting", "write it as: --set KEY=VALUE")
    return key, value


def settings_for(game: Game, pairs: Sequence[tuple[str, str]]) -> dict[str, JsonValue]:
    """Read each value as JSON (a number, true) unless the game wants text there."""
    schemas = game.properties()
    found: dict[str, JsonValue] = {}
    for key, value in pairs:
        found[key] = value
        if schemas.get(key, {}).get("type") != "string":
            with suppress(ValueError):
                found[key] = json.loads(value)
    return found
