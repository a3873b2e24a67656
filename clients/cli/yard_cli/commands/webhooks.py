"""``yard webhooks``: where your events are sent to."""

from typing import Annotated, Final

import typer

from yard_cli.commands import (
    options,
    webhook_deliveries,
    webhook_edits,
    webhook_listening,
    webhook_trials,
)
from yard_cli.commands import webhook_options as typed
from yard_cli.commands.target import with_webhook, with_webhooks
from yard_cli.render import show_json
from yard_cli.show.webhooks import show_webhook, show_webhooks

HELP: Final = """Where your events are sent to: signed, tried again, in your chat's own shape.

See them arrive on this machine: ./yard webhooks listen --register
"""


def show_all(
    everybody: Annotated[
        bool, typer.Option("--all", help="Those that hear of everybody's: for administrators.")
    ] = False,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """List your webhooks."""
    found = with_webhooks(url, data, lambda webhooks: webhooks.all(everybody=everybody))
    if as_json:
        show_json(found)
    else:
        show_webhooks(found)


def show(
    webhook: typed.Webhook,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Show one, its address too, which may be a secret."""
    found = with_webhook(url, data, webhook, lambda webhooks, one: webhooks.get(one.id))
    if as_json:
        show_json(found)
    else:
        show_webhook(found)


COMMANDS: Final = {
    "list": show_all,
    "add": webhook_edits.add,
    "show": show,
    "edit": webhook_edits.edit,
    "remove": webhook_edits.remove,
    "enable": webhook_edits.enable,
    "disable": webhook_edits.disable,
    "rotate": webhook_edits.rotate,
    "ping": webhook_trials.ping,
    "example": webhook_trials.example,
    "deliveries": webhook_deliveries.deliveries,
    "attempts": webhook_deliveries.attempts,
    "replay": webhook_deliveries.replay,
    "listen": webhook_listening.listen,
}
app = typer.Typer(name="webhooks", no_args_is_help=True, help=HELP)
for name, command in COMMANDS.items():
    app.command(name)(command)
