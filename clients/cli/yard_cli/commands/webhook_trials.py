"""Commands that send something to a webhook at once, to see whether and how it arrives."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from yard_cli.client.webhooks import Attempt, Sent, Webhook, Webhooks
from yard_cli.commands import options
from yard_cli.commands import webhook_options as typed
from yard_cli.commands.target import with_webhook
from yard_cli.failure import Failure
from yard_cli.render import console, show_json
from yard_cli.show.webhooks import show_attempts

TRIED_WITHIN: Final = 45.0  # seconds: an attempt takes 20 at most, and begins at once
LOOK: Final = 0.3

Follow = Annotated[
    bool, typer.Option("--follow", "-f", help="Stay until it was tried, and show how that went.")
]


def ping(
    webhook: typed.Webhook,
    follow: Follow = False,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Send a ping, to see that events arrive."""

    async def send(webhooks: Webhooks, one: Webhook) -> tuple[Sent, Sequence[Attempt]]:
        sent = await webhooks.ping(one.id)
        return sent, await _tried(webhooks, one, sent) if follow else ()

    _show(*with_webhook(url, data, webhook, send), as_json=as_json)


def example(
    webhook: typed.Webhook,
    type: Annotated[str, typer.Argument(help="Of which type: server.ready and so on.")],
    follow: Follow = False,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Send an example of an event, marked as such, past types and filter."""

    async def send(webhooks: Webhooks, one: Webhook) -> tuple[Sent, Sequence[Attempt]]:
        sent = await webhooks.example(one.id, type)
        return sent, await _tried(webhooks, one, sent) if follow else ()

    _show(*with_webhook(url, data, webhook, send), as_json=as_json)


async def _tried(webhooks: Webhooks, webhook: Webhook, sent: Sent) -> Sequence[Attempt]:
    try:
        async with asyncio.timeout(TRIED_WITHIN):
            while True:
                page = await webhooks.attempts(webhook.id, {"event_id": sent.event_id})
                if page.items:
                    return page.items
                await asyncio.sleep(LOOK)
    except TimeoutError:
        raise Failure(
            f"{sent.event_id} was not tried within {TRIED_WITHIN:.0f} s",
            f"see what waits before it: ./yard webhooks deliveries {webhook.name}",
        ) from None


def _show(sent: Sent, tried: Sequence[Attempt], *, as_json: bool) -> None:
    if as_json:
        show_json(tried[0] if tried else sent)
    elif tried:
        show_attempts(tried)
    else:
        console().print(f"{sent.type} is on its way: {sent.event_id}")
    if tried and not tried[0].succeeded:
        raise typer.Exit(1)
