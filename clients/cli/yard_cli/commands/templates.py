"""``yard template``: templates that carry a game's packages already. For administrators."""

from typing import Annotated

import typer

from common.contracts.ids import new_id
from yard_cli.client.api import Gateway
from yard_cli.client.lookup import template_called
from yard_cli.client.models import Operation, Template
from yard_cli.commands import options
from yard_cli.commands.asked import Manner, ask
from yard_cli.commands.target import with_gateway
from yard_cli.render import show_json, show_table

HELP = """Templates that carry a game's packages already.

What real machines of the lab are made from is another thing: ./yard lab template.
"""
app = typer.Typer(name="template", no_args_is_help=True, help=HELP)


@app.command()
def bake(
    game: Annotated[str, typer.Argument(help="Which game; see: ./yard games.")],
    follow: options.Follow = False,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Make a template for a game: its new servers are cloned from it, and sooner ready."""
    key = new_id("request")
    manner = Manner(url=url, data=data, follow=follow, as_json=as_json)
    ask(manner, lambda gateway: gateway.bake(game, key=key))


@app.command("list")
def show(url: options.Url = None, data: options.Data = None, as_json: options.Json = False) -> None:
    """List the templates that were baked."""
    found = with_gateway(url, data, Gateway.templates)
    if as_json:
        show_json(found)
        return
    rows = [
        (one.game, one.phase, _today(one), f"{one.vmid or ''}", one.node or "", _baked(one), one.id)
        for one in found
    ]
    columns = ("GAME", "PHASE", "CURRENT", "VM", "NODE", "BAKED", "ID")
    show_table(columns, rows, what="templates")


@app.command()
def delete(
    template: Annotated[str, typer.Argument(help="Its id, the id's beginning, or its game.")],
    follow: options.Follow = False,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Remove a template; refused while disks of servers rest on it."""

    async def request(gateway: Gateway) -> Operation:
        return await gateway.delete_template(await template_called(gateway, template))

    ask(Manner(url=url, data=data, follow=follow, as_json=as_json), request)


def _today(template: Template) -> str:
    """Tell whether it is made by what its game has today; others are cloned from no more."""
    if template.current:
        return "yes"
    return "out of date" if template.phase == "template" else ""


def _baked(template: Template) -> str:
    return f"{template.baked_at:%Y-%m-%d %H:%M} UTC" if template.baked_at else ""
