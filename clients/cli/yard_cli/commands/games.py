"""``yard games``: what can be deployed, and what can be set; and whether a folder is a game."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import JsonValue
from typer.core import TyperGroup

from yard_cli.catalogue.rules import House
from yard_cli.client.api import Gateway
from yard_cli.client.models import Game
from yard_cli.commands import options
from yard_cli.commands.target import with_gateway
from yard_cli.failure import Failure
from yard_cli.render import console, printable, show_json, show_table
from yard_cli.settings import CliSettings

LIMITS: Final = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
}


HELP: Final = """What can be deployed, and how.

./yard games lists them, ./yard games GAME shows what can be set: "show" may be left out.
"""


class ShowsUnlessTold(TyperGroup):
    """A group whose first word may be left out: it shows then."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  typer hides its type
        """Put the left out word in its place."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(name="games", cls=ShowsUnlessTold, help=HELP)


@app.command()
def show(
    game: Annotated[
        str | None, typer.Argument(help="Show this one's settings.", show_default=False)
    ] = None,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """List the games that can be deployed, or the settings of one."""

    async def ask(gateway: Gateway) -> Game | Sequence[Game]:
        return await gateway.game(game) if game else await gateway.games()

    found = with_gateway(url, data, ask)
    if as_json:
        show_json(found)
    elif isinstance(found, Game):
        _show_one(found)
    else:
        rows = [(one.id, one.version, one.maturity, one.summary) for one in found]
        show_table(("GAME", "VERSION", "MATURITY", "SUMMARY"), rows)


@app.command()
def lint(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of one game.", exists=True, file_okay=False, show_default="all"
        ),
    ] = None,
) -> None:
    """Hold a game's folder against the rules: what is wrong, where, and what repairs it."""
    house = House(CliSettings().playbooks.resolve())
    folders = [folder.resolve()] if folder else house.folders()
    found = [(one.name, complaint) for one in folders for complaint in house.complaints(one)]
    out = console()
    for name, complaint in found:
        out.print(printable(f"{name}/{complaint.place}: {complaint.wrong}"), markup=False)
        out.print(printable(f"    {complaint.remedy}"), markup=False, style="cyan")
    told = f"{len(folders)} game(s) read, {len(found)} thing(s) to correct"
    if found:
        raise Failure(told, "see docs/how-to/add-a-game.md")
    out.print(told)


def _show_one(game: Game) -> None:
    out = console()
    out.print(printable(f"{game.name} ({game.maturity}): {game.summary}"), markup=False)
    if game.evidence:
        out.print(printable(game.evidence), markup=False, style="bright_black")
    out.print(f"set them by: ./yard deploy {game.id} --set SETTING=VALUE", markup=False)
    out.print()
    show_table(("SETTING", "DEFAULT", "MEANING"), settings_of(game), what="settings")


def settings_of(game: Game) -> Iterator[tuple[str, str, str]]:
    """Yield name, default and meaning of each setting."""
    required = game.settings_schema.get("required") or ()
    for name, schema in game.properties().items():
        default = "required" if name in _words(required) else ""
        if "default" in schema:
            default = json.dumps(schema["default"], ensure_ascii=False)
        meaning = ". ".join(_words([schema.get("title"), schema.get("description")]))
        yield (name, default, f"{meaning} ({', '.join((_kind(schema), *_limits(schema)))})".strip())


def _kind(schema: Mapping[str, JsonValue]) -> str:
    if "const" in schema:
        return json.dumps(schema["const"])
    if choices := schema.get("enum"):
        return " | ".join(_words(choices))
    return str(schema.get("type", ""))


def _limits(schema: Mapping[str, JsonValue]) -> list[str]:
    return [words.format(schema[key]) for key, words in LIMITS.items() if key in schema]


def _words(values: object) -> list[str]:
    return [str(value) for value in values if value] if isinstance(values, (list, tuple)) else []  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  another service's words
