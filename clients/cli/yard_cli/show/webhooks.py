"""How webhooks are shown: in tables, one by one, and their secret exactly once."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from rich.table import Table
from rich.text import Text

from yard_cli.client.webhooks import Attempt, Delivery, KeyedWebhook, Webhook
from yard_cli.render import COLOURS, ROOMY, console, plain, printable, seconds, show_table

SAID: Final = 60  # characters of an answer in a table; --json has the whole
SHOWN: Final = 2  # types of events named in a table


def show_webhooks(found: Sequence[Webhook]) -> None:
    """List webhooks; of an address, which may be a secret, the host alone."""
    rows = [
        (one.name, one.state, one.format, _types(one), urlsplit(one.url).netloc, one.id)
        for one in found
    ]
    show_table(("NAME", "STATE", "FORMAT", "EVENTS", "TO", "ID"), rows, what="webhooks")


def _types(webhook: Webhook) -> str:
    named = ", ".join(webhook.types[:SHOWN]) or "all"
    more = len(webhook.types) - SHOWN
    filtered = " if …" if webhook.filter else ""
    return f"{named}{f' +{more}' if more > 0 else ''}{filtered}"


def show_webhook(webhook: Webhook) -> None:
    """Show all there is of one, its address too."""
    keys = [
        f"{key.scheme} since {_when(key.created_at)}"
        + (f", until {_when(key.expires_at)}" if key.expires_at else "")
        for key in webhook.signing_keys
    ]
    rows = (
        ("id", webhook.id),
        ("name", webhook.name),
        ("state", webhook.state),
        ("because", webhook.disabled_reason or ""),
        ("failing since", _when(webhook.failing_since)),
        ("sends to", webhook.url),
        ("format", " ".join((webhook.format, *(f"{k}={v}" for k, v in webhook.options.items())))),
        ("events", ", ".join(webhook.types) or "all"),
        ("of", "everybody's servers" if webhook.scope == "everybody" else "your servers"),
        ("filter", str(plain(webhook.filter)) if webhook.filter else ""),
        ("headers", "set, and not shown" if webhook.headers else ""),
        ("at most", f"{webhook.rate:g} a second" if webhook.rate else ""),
        ("at a time", str(webhook.max_in_flight)),
        ("in order", "of each server" if webhook.in_order else "as they come"),
        ("signed by", "\n".join(keys)),
        ("revision", str(webhook.revision)),
    )
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        if value:
            style = COLOURS.get(value, "")
            shown = Text(printable(value), style=style, overflow="fold")
            table.add_row(Text(name, style="bright_black"), shown)
    console().print(table)


def show_secret(webhook: KeyedWebhook, *, file: Path | None) -> None:
    """Show the secret made just now, or where it is kept."""
    out = console()
    if webhook.secret is None:
        out.print("its secret was shown before: ./yard webhooks rotate makes another")
    elif file is not None:
        out.print(f"its secret is in {file}, and shown nowhere: that file is all there is of it")
    else:
        is_public = webhook.secret.startswith("whpk_")
        out.print(f"{'public key' if is_public else 'secret'}: {webhook.secret}")
        out.print("It is shown this once: put it where your receiver verifies by it, now.")


def show_attempts(found: Sequence[Attempt]) -> None:
    """List attempts; the event's id, by which it is replayed, where there is room."""
    narrow = _is_narrow()
    columns = ("WHEN", "EVENT", "TRY", "STATUS", "TOOK", *(() if narrow else ("ID",)), "ANSWER")
    show_table(columns, [_attempt(one, narrow=narrow) for one in found], what="attempts")


def _attempt(one: Attempt, *, narrow: bool) -> tuple[str, ...]:
    status = "none" if one.status is None else str(one.status)
    said = " ".join((one.error or one.answer).split())
    cut = said if len(said) <= SAID or one.error else f"{said[:SAID]}…"
    event = () if narrow else (one.event_id,)
    took = seconds(one.duration) if one.duration >= 1 else f"{one.duration * 1000:.0f} ms"
    return (_when(one.at), one.event_type or "", str(one.number), status, took, *event, cut)


def show_deliveries(found: Sequence[Delivery]) -> None:
    """List deliveries: what arrived, what did not, what is tried again when."""
    rows = [
        (_when(one.created_at), one.event_type, one.state, str(one.attempts), _when(one.next_at),
         str(one.position), one.event_id)
        for one in found
    ]  # fmt: skip
    columns = ("SINCE", "EVENT", "STATE", "TRIES", "NEXT", "POSITION", "ID")
    show_table(columns, rows, what="deliveries")


def _when(time: datetime | None) -> str:
    return f"{time.astimezone():%m-%d %H:%M:%S}" if time else ""


def _is_narrow() -> bool:
    out = console()
    return out.is_terminal and out.width < ROOMY
