"""Commands about servers: what there is, and asking for another."""

from typing import Annotated

import typer
from pydantic import JsonValue

from common.contracts.ids import new_id
from yard_cli.client.api import Gateway
from yard_cli.client.models import Operation, Server
from yard_cli.commands import options
from yard_cli.commands.asked import Manner, ask
from yard_cli.commands.labels import pairs_of
from yard_cli.commands.target import with_gateway
from yard_cli.commands.values import settings_for, typed
from yard_cli.render import show_json, show_table


def deploy(  # noqa: PLR0913, PLR0917  each is an option of the command
    game: Annotated[str, typer.Argument(help="Which game; see: ./yard games.")],
    name: Annotated[str | None, typer.Option(help="Name of the server.")] = None,
    plan: Annotated[str | None, typer.Option(help="Size; the game's own by default.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="A setting; see: ./yard games GAME."),
    ] = None,
    files: options.SetFiles = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", "-l", metavar="KEY=VALUE", help="What to call it by; yard label."),
    ] = None,
    keep_on_failure: Annotated[
        bool, typer.Option("--keep-on-failure", help="Keep the VM if it fails, to look into it.")
    ] = False,
    follow: options.Follow = False,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Ask for a game server."""
    given = {"name": name, "plan": plan}
    wanted: dict[str, JsonValue] = {key: value for key, value in given.items() if value is not None}
    wanted |= {"game": game, "keep_on_failure": keep_on_failure}
    if labels:
        wanted["labels"] = dict(pairs_of(labels))
    pairs = typed(settings or (), files or ())

    async def request(gateway: Gateway) -> Operation:
        if pairs:
            wanted["settings"] = settings_for(await gateway.game(game), pairs)
        return await gateway.deploy(wanted, key=new_id("request"))

    ask(Manner(url=url, data=data, follow=follow, as_json=as_json), request)


def _way_in(server: Server) -> str:
    """Return where players connect, while there is somebody to answer."""
    return server.connect or "" if server.phase == "running" else ""


def servers(
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", "-l", metavar="KEY=VALUE", help="Only those with this label."),
    ] = None,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """List your servers."""
    pairs_of(labels or ())
    found = with_gateway(url, data, lambda gateway: gateway.servers(labels=labels or ()))
    if as_json:
        show_json(found)
        return
    rows = [(one.name, one.game, one.phase, one.crowd, _way_in(one), one.id) for one in found]
    show_table(("NAME", "GAME", "PHASE", "PLAYERS", "CONNECT", "ID"), rows, what="servers")
