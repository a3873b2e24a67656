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
    columns = ("NAME", "STATE", "FORMAT", "EVENTS", "TO", "ID")
    rows = [
        (one.name, one.state, one.format, _types(one), urlsplit(one.url).netloc, one.id)
        for one in found
    ]
    _show_table(columns, rows, roomy=("FORMAT", "EVENTS"), what="webhooks")


def _show_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, roomy: Sequence[str], what: str
) -> None:
    """Print a table; its ``roomy`` columns only where there is room."""
    out = console()
    narrow = out.is_terminal and out.width < ROOMY
    kept = [n for n, column in enumerate(columns) if not (narrow and column in roomy)]
    show_table([columns[n] for n in kept], [[row[n] for n in kept] for row in rows], what=what)


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
    columns = ("WHEN", "EVENT", "TRY", "TOOK", "ID", "ANSWER")
    rows = [
        (_when(one.at), one.event_type or "", str(one.number), _took(one), one.event_id, _said(one))
        for one in found
    ]
    _show_table(columns, rows, roomy=("TOOK", "ID"), what="attempts")


def _said(attempt: Attempt) -> str:
    """Tell what was answered in one line, or why nothing was."""
    if attempt.status is None:
        return f"none: {attempt.error}"
    said = " ".join(attempt.answer.split())
    return f"{attempt.status} {said if len(said) <= SAID else f'{said[:SAID]}…'}".strip()


def _took(attempt: Attempt) -> str:
    took = attempt.duration
    return seconds(took) if took >= 1 else f"{took * 1000:.0f} ms"


def show_deliveries(found: Sequence[Delivery]) -> None:
    """List deliveries: what arrived, what did not, what is tried again when."""
    columns = ("SINCE", "EVENT", "STATE", "ATTEMPTS", "NEXT", "POSITION", "ID")
    rows = [
        (_when(one.created_at), one.event_type, one.state, str(one.attempts), _when(one.next_at),
         str(one.position), one.event_id)
        for one in found
    ]  # fmt: skip
    _show_table(columns, rows, roomy=("SINCE", "POSITION"), what="deliveries")


def _when(time: datetime | None) -> str:
    return f"{time.astimezone():%m-%d %H:%M:%S}" if time else ""
