"""Commands that change a server that is there: its power, its plan, its settings, its name."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Final

import typer
from pydantic import JsonValue

from common.contracts.ids import new_id
from yard_cli.client.api import Gateway
from yard_cli.client.models import Operation
from yard_cli.commands import options
from yard_cli.commands.asked import Manner, ask_of
from yard_cli.commands.values import settings_for, typed
from yard_cli.failure import Failure

# The verbs that need no more than a server, and what each is for.
VERBS: Final[Mapping[str, str]] = {
    "start": "Start a server that is stopped.",
    "stop": "Ask a server's guest to shut down.",
    "kill": "Switch a server off at once, whatever it is doing.",
}


def power(verb: str) -> Callable[..., None]:
    """Return the command of a verb."""

    def command(
        server: options.Server,
        follow: options.Follow = False,
        url: options.Url = None,
        data: options.Data = None,
        as_json: options.Json = False,
    ) -> None:
        manner = Manner(url=url, data=data, follow=follow, as_json=as_json)
        ask_of(server, manner, _changing(verb))

    command.__doc__ = VERBS[verb]
    return command


def restart(
    server: options.Server,
    force: Annotated[
        bool, typer.Option("--force", help="Reset the VM instead of asking its guest to reboot.")
    ] = False,
    follow: options.Follow = False,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Restart a server."""
    manner = Manner(url=url, data=data, follow=follow, as_json=as_json)
    ask_of(server, manner, _changing("restart", {"force": force}))


def update(
    server: options.Server,
    version: Annotated[
        str | None, typer.Option(help="Which version; the newest its settings allow by default.")
    ] = None,
    follow: options.Follow = False,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Bring a server's game to another version; one that does not come up is taken back."""
    manner = Manner(url=url, data=data, follow=follow, as_json=as_json)
    ask_of(server, manner, _changing("update", {"version": version} if version else None))


def resize(
    server: options.Server,
    plan: Annotated[str, typer.Option(help="The new size. A disk never shrinks.")],
    follow: options.Follow = False,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Give a server another plan; where it runs, it restarts."""
    manner = Manner(url=url, data=data, follow=follow, as_json=as_json)
    ask_of(server, manner, _altering({"plan": plan}))


def rename(
    server: options.Server,
    name: Annotated[str, typer.Argument(help="The new name: lower case, digits, hyphens.")],
    follow: options.Follow = False,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Give a server another name."""
    manner = Manner(url=url, data=data, follow=follow, as_json=as_json)
    ask_of(server, manner, _altering({"name": name}))


def set_settings(  # noqa: PLR0913, PLR0917  each is an option of the command
    server: options.Server,
    settings: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Settings; see: ./yard games GAME."),
    ] = None,
    files: options.SetFiles = None,
    unset: Annotated[
        list[str] | None,
        typer.Option("--unset", metavar="KEY", help="A setting that goes back to its default."),
    ] = None,
    follow: options.Follow = False,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Change some of a server's settings; the others stay as they are."""
    pairs = typed(settings or (), files or ())
    if not pairs and not unset:
        raise Failure("there is nothing to set", "name a setting: KEY=VALUE, or --unset KEY")

    async def request(gateway: Gateway, id: str) -> Operation:
        game = await gateway.game((await gateway.server(id)).game)
        wanted = dict.fromkeys(unset or (), None) | settings_for(game, pairs)
        return await _altering({"settings": wanted})(gateway, id)

    ask_of(server, Manner(url=url, data=data, follow=follow, as_json=as_json), request)


def delete(
    server: options.Server,
    follow: options.Follow = False,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Remove a server and its VM."""
    manner = Manner(url=url, data=data, follow=follow, as_json=as_json)
    ask_of(server, manner, lambda gateway, found: gateway.delete(found))


Request = Callable[[Gateway, str], Awaitable[Operation]]


def _changing(verb: str, body: Mapping[str, JsonValue] | None = None) -> Request:
    return lambda gateway, found: gateway.change(found, verb, key=new_id("request"), body=body)


def _altering(wanted: Mapping[str, JsonValue]) -> Request:
    return lambda gateway, found: gateway.alter(found, wanted, key=new_id("request"))
