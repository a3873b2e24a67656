"""Commands that set webhooks up, change them and remove them."""

from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import JsonValue

from common.contracts.ids import new_id
from yard_cli.client.webhooks import KeyedWebhook, Webhook, Webhooks
from yard_cli.commands import options
from yard_cli.commands import webhook_options as typed
from yard_cli.commands.target import with_webhook, with_webhooks
from yard_cli.commands.values import held_by
from yard_cli.commands.webhook_options import Typed
from yard_cli.failure import Failure
from yard_cli.private_file import write_private
from yard_cli.render import console, printable, show_json
from yard_cli.show.webhooks import show_secret

FIELDS: Final = "types filter format options headers rate max_in_flight in_order"


def add(  # noqa: PLR0913, PLR0917  each is an option of the command
    name: Annotated[str, typer.Argument(help="What to call it.")],
    to: Annotated[str, typer.Argument(metavar="URL", help="Where to send; - reads it from stdin.")],
    types: typed.Types = None,
    filter: typed.Filter = None,
    labels: typed.Labels = None,
    format: typed.Format = None,
    option: typed.Options = None,
    headers: typed.Headers = None,
    rate: typed.Rate = None,
    max_in_flight: typed.MaxInFlight = None,
    in_order: typed.InOrder = None,
    scheme: typed.Scheme = None,
    everybody: Annotated[
        bool, typer.Option("--all", help="Everybody's events: for administrators.")
    ] = False,
    secret_to: typed.SecretTo = None,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Set a webhook up; a ping is sent there at once."""
    said = Typed(
        types=types, filter=filter, labels=labels, format=format, options=option, headers=headers,
        rate=rate, max_in_flight=max_in_flight, in_order=in_order,
    )  # fmt: skip
    wish: dict[str, JsonValue] = {"name": name, "url": held_by("-") if to == "-" else to}
    wish |= said.wish() | ({"scheme": scheme} if scheme else {})
    wish |= {"scope": "everybody"} if everybody else {}
    key = new_id("request")
    made = with_webhooks(url, data, lambda webhooks: webhooks.create(wish, key=key))
    _show_keyed(made, "was set up", to=secret_to, as_json=as_json)


def edit(  # noqa: PLR0913, PLR0917  each is an option of the command
    webhook: typed.Webhook,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    to: Annotated[str | None, typer.Option(metavar="URL", help="Another address, or -.")] = None,
    types: typed.Types = None,
    filter: typed.Filter = None,
    labels: typed.Labels = None,
    format: typed.Format = None,
    option: typed.Options = None,
    headers: typed.Headers = None,
    rate: typed.Rate = None,
    max_in_flight: typed.MaxInFlight = None,
    in_order: typed.InOrder = None,
    unset: Annotated[
        list[str] | None, typer.Option(metavar="FIELD", help=f"Back to the default: {FIELDS}.")
    ] = None,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Change some of a webhook; the rest stays. Types, filter and headers change as a whole."""
    said = Typed(
        types=types, filter=filter, labels=labels, format=format, options=option, headers=headers,
        rate=rate, max_in_flight=max_in_flight, in_order=in_order,
    )  # fmt: skip
    wish: dict[str, JsonValue] = dict.fromkeys(unset or (), None)
    wish |= said.wish() | ({"name": name} if name else {})
    wish |= {"url": held_by("-") if to == "-" else to} if to else {}
    if not wish:
        raise Failure("there is nothing to change", "see: ./yard webhooks edit --help")
    _change(webhook, wish, "was changed", url=url, data=data, as_json=as_json)


def enable(
    webhook: typed.Webhook,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Send there again; what was pending goes out now."""
    _change(webhook, {"enabled": True}, "is enabled", url=url, data=data, as_json=as_json)


def disable(
    webhook: typed.Webhook,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Send nothing there; what happens meanwhile is not kept for it."""
    _change(webhook, {"enabled": False}, "is disabled", url=url, data=data, as_json=as_json)


def _change(
    word: str,
    wish: dict[str, JsonValue],
    done: str,
    *,
    url: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    changed = with_webhook(url, data, word, lambda webhooks, one: webhooks.change(one, wish))
    _show(changed, done, as_json=as_json)


def rotate(  # noqa: PLR0913, PLR0917  each is an option of the command
    webhook: typed.Webhook,
    overlap: Annotated[
        float | None, typer.Option(help="Hours that the former secret signs on; 24 by default.")
    ] = None,
    scheme: typed.Scheme = None,
    secret_to: typed.SecretTo = None,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Sign with a new secret, and for a while with the former one, too."""
    said: dict[str, JsonValue] = {"overlap_hours": overlap, "scheme": scheme}
    wish = {name: value for name, value in said.items() if value is not None}
    made = with_webhook(url, data, webhook, lambda webhooks, one: webhooks.rotate(one.id, wish))
    _show_keyed(made, "signs with a new secret", to=secret_to, as_json=as_json)


def remove(
    webhook: typed.Webhook,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Remove a webhook, and what was on its way."""

    async def removed(webhooks: Webhooks, one: Webhook) -> Webhook:
        await webhooks.remove(one.id)
        return one

    _show(with_webhook(url, data, webhook, removed), "was removed", as_json=as_json)


def _show(webhook: Webhook, done: str, *, as_json: bool) -> None:
    if as_json:
        show_json(webhook)
    else:
        console().print(printable(f"webhook {webhook.name} {done}: {webhook.id}"), markup=False)


def _show_keyed(webhook: KeyedWebhook, done: str, *, to: Path | None, as_json: bool) -> None:
    if to is not None and webhook.secret is not None:
        write_private(to, f"{webhook.secret}\n".encode())
    if as_json:
        show_json(webhook if to is None else webhook.model_copy(update={"secret": None}))
        return
    _show(webhook, done, as_json=False)
    show_secret(webhook, file=to)
