"""``yard label``: what you call a server by, to seek it and its events."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from yard_cli.client.api import Gateway
from yard_cli.client.lookup import server_called
from yard_cli.client.models import Server
from yard_cli.commands import options
from yard_cli.commands.target import with_gateway
from yard_cli.failure import Failure
from yard_cli.render import console, printable, show_json


def label(
    server: options.Server,
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE|KEY-", help="Give a label, or take it away: env-"),
    ] = None,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Label a server, or show its labels. Nothing is restarted for it."""
    given, taken = changes_of(changes or ())

    async def do(gateway: Gateway) -> Server:
        found = await gateway.server(await server_called(gateway, server))
        if not changes:
            return found
        if missing := taken - found.labels.keys():
            raise Failure(
                f"{found.name} has no label {min(missing)}", "see: ./yard label " + found.name
            )
        kept = {name: value for name, value in found.labels.items() if name not in taken}
        return await gateway.label(found.id, {**kept, **given})

    after = with_gateway(url, data, do)
    if as_json:
        show_json(after)
    else:
        console().print(printable(f"{after.name}: {in_words(after.labels)}"), markup=False)


def changes_of(words: Sequence[str]) -> tuple[Mapping[str, str], frozenset[str]]:
    """Return labels to give, and names of those to take away."""
    given = pairs_of([word for word in words if "=" in word])
    taken = [word for word in words if "=" not in word]
    if any(not word.endswith("-") or word == "-" for word in taken):
        raise Failure("a label has no value", "give it by KEY=VALUE, take it away by KEY-")
    names = frozenset(word.removesuffix("-") for word in taken)
    if both := names & given.keys():
        raise Failure(f"label {min(both)} is given and taken away", "say one of the two")
    return given, names


def pairs_of(words: Sequence[str]) -> Mapping[str, str]:
    """Return labels by name."""
    found = [word.partition("=") for word in words]
    if any(not name or not equals for name, equals, _ in found):
        raise Failure("a label has no name or no value", "write it as: KEY=VALUE")
    return {name: value for name, _, value in found}


def in_words(labels: Mapping[str, str]) -> str:
    """Write labels in one line."""
    return " ".join(f"{name}={value}" for name, value in sorted(labels.items())) or "no labels"
