"""How the command line shows things: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pydantic import BaseModel, TypeAdapter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from yard_cli.client.models import Line
from yard_cli.failure import Failure

ROOMY: Final = 100  # columns of a terminal that has room for all there is to tell
COLOURS: Final[Mapping[str, str]] = {
    "running": "green",
    "succeeded": "green",
    "ready": "green",
    "template": "green",
    "yes": "green",
    "failed": "red",
    "crashed": "red",
    "no": "red",
    "down": "red",
    "cancelled": "yellow",
    "cancelling": "yellow",
    "failing": "yellow",
    "stopped": "bright_black",
    "skipped": "bright_black",
    "starting": "cyan",
    "stopping": "cyan",
    "restarting": "cyan",
    "changing": "cyan",
    "deleting": "yellow",
    "error": "red",
    "warning": "yellow",
    "debug": "bright_black",
}

_anything: Final = TypeAdapter(object)


def console(*, to_stderr: bool = False) -> Console:
    """Return a console that knows whether it speaks to a terminal; wide where it does not."""
    stream = sys.stderr if to_stderr else sys.stdout
    width = None if stream.isatty() else 200
    return Console(stderr=to_stderr, highlight=False, width=width, soft_wrap=not stream.isatty())


def show_json(value: BaseModel | Sequence[BaseModel] | Mapping[str, object]) -> None:
    """Print a value as one line of JSON."""
    sys.stdout.write(json.dumps(plain(value), separators=(",", ":"), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def plain(value: object) -> object:
    """Turn models, at any depth, into what JSON knows."""
    return _anything.dump_python(value, mode="json")


def show_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, what: str = "rows"
) -> None:
    """Print rows under their headings; known words are coloured.

    Where a terminal is too narrow the last column gives way: text wraps, an id is cut short
    (its beginning is good enough for every command).
    """
    rows = list(rows)
    if not rows:
        console(to_stderr=True).print(f"no {what} yet", style="bright_black")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column,
            overflow="ellipsis" if column == "ID" else "fold",
            no_wrap=column != columns[-1],
        )
    for row in rows:
        table.add_row(*(Text(printable(cell), style=COLOURS.get(cell, "")) for cell in row))
    console().print(table)


def print_line(line: Line, *, out: Console) -> None:
    """Print a log line: when, who, where, what; on a narrow terminal when, where, what."""
    out.print(line_text(line, narrow=out.is_terminal and out.width < ROOMY))


def line_text(line: Line, *, narrow: bool = False) -> Text:
    """Lay a log line out."""
    if narrow:
        return Text.assemble(
            (f"{line.time.astimezone():%H:%M:%S} ", "bright_black"),
            (f"{line.step or '':<9} ", "blue"),
            (printable(line.text), COLOURS.get(line.level, "")),
        )
    return Text.assemble(
        (f"{line.time.astimezone():%H:%M:%S.%f}"[:-3] + " ", "bright_black"),
        (f"{line.writer:<12}"[:12] + " ", "cyan"),
        (f"{line.step or '':<10} ", "blue"),
        (printable(line.text), COLOURS.get(line.level, "")),
    )


def printable(text: str) -> str:
    """Return text that cannot steer a terminal: what a guest says is not to be trusted."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def show_failure(failure: Failure, *, as_json: bool) -> None:
    """Print what ended the command."""
    if as_json:
        show_json(
            {
                "error": {
                    "reason": failure.reason,
                    "remedy": failure.remedy,
                    "details": failure.details,
                }
            }
        )
    _tell(failure, style="bold red")


def show_warning(doubt: Failure) -> None:
    """Print what does not end the command, but may end badly."""
    _tell(doubt, style="bold yellow")


def _tell(failure: Failure, *, style: str) -> None:
    err = console(to_stderr=True)
    err.print(Text.assemble(("yard: ", style), printable(failure.reason)))
    for detail in failure.details:
        err.print(Text(f"  {printable(detail)}"))
    if failure.remedy:
        err.print(Text.assemble(("  remedy: ", "bold"), printable(failure.remedy)))


def seconds(value: float | None) -> str:
    """Write a span of time, or nothing."""
    return "" if value is None else f"{value:.1f} s"
