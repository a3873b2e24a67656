"""Commands that look at what was sent to a webhook, and have it sent again."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Final

import typer
from pydantic import JsonValue

from common.contracts.base import now
from yard_cli.client.webhooks import Replayed, Webhooks
from yard_cli.commands import options
from yard_cli.commands import webhook_options as typed
from yard_cli.commands.target import with_webhook
from yard_cli.failure import Failure
from yard_cli.render import console, show_json
from yard_cli.show.webhooks import show_attempts, show_deliveries

SPAN: Final = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>[smhd])")
UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Last = Annotated[int, typer.Option(help="So many of the last.", min=1, max=200)]
MOMENT: Final = "2h (ago), 2026-11-21T10:00"


def attempts(
    webhook: typed.Webhook,
    event: Annotated[str | None, typer.Option(help="Only at this event, by its id.")] = None,
    last: Last = 20,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Show what was sent and what was answered, newest first; kept for 30 days."""
    query = {"limit": str(last), **({"event_id": event} if event else {})}
    found = with_webhook(
        url, data, webhook, lambda webhooks, one: webhooks.attempts(one.id, query)
    ).items
    if as_json:
        show_json(found)
    else:
        show_attempts(found)


def deliveries(
    webhook: typed.Webhook,
    state: Annotated[
        str | None, typer.Option(help="pending, succeeded, failed or cancelled.")
    ] = None,
    last: Last = 20,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Show which events arrived, which did not, and what is tried again when."""
    query = {"limit": str(last), **({"state": state} if state else {})}
    found = with_webhook(
        url, data, webhook, lambda webhooks, one: webhooks.deliveries(one.id, query)
    ).items
    if as_json:
        show_json(found)
    else:
        show_deliveries(found)


def replay(  # noqa: PLR0913, PLR0917  each is an option of the command
    webhook: typed.Webhook,
    event: Annotated[str | None, typer.Option(help="This event, by its id.")] = None,
    failed_since: Annotated[
        str | None, typer.Option(help=f"What failed since then: {MOMENT}.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(help=f"All after a position or time: 4711, {MOMENT}.")
    ] = None,
    before: Annotated[
        str | None, typer.Option(help="... and before; up to now by default.")
    ] = None,
    url: options.Url = None,
    data: options.Data = None,
    as_json: options.Json = False,
) -> None:
    """Send events again: one, those that failed, or all that are wanted in a range."""
    marks = {"failed_since": failed_since, "after": after, "before": before}
    wish: dict[str, JsonValue] = {"event_id": event} if event else {}
    wish |= {name: mark_of(text) for name, text in marks.items() if text is not None}
    if not wish:
        raise Failure(
            "it is not said what to send again",
            "say: --event ID, or --failed-since 2h, or --after 2h --before 1h",
        )
    done = with_webhook(url, data, webhook, lambda webhooks, one: _again(webhooks, one.id, wish))
    if as_json:
        show_json(done)
    else:
        events = "1 event goes" if done.count == 1 else f"{done.count} events go"
        console().print(f"{events} out again; see: ./yard webhooks attempts {webhook}")


async def _again(webhooks: Webhooks, id: str, wish: dict[str, JsonValue]) -> Replayed:
    """Go on until nothing is left."""
    count = 0
    while True:
        part = await webhooks.replay(id, wish)
        count += part.count
        if part.complete or part.reached is None:
            return part.model_copy(update={"count": count})
        wish = {**wish, "after": part.reached}


def mark_of(text: str) -> int | str:
    """Return a position, or a time with its zone: ours where none is named."""
    if text.isascii() and text.isdigit():
        return int(text)
    if span := SPAN.fullmatch(text):
        return (now() - timedelta(seconds=int(span["count"]) * UNITS[span["unit"]])).isoformat()
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(f"{text!r} is no time", f"write it as: {MOMENT}") from None
    return (time if time.tzinfo else time.astimezone()).isoformat()
