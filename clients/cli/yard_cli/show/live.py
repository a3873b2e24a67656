"""The show on a terminal: log lines flow above a picture of the steps that changes."""

import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from yard_cli.client.models import Line, Operation, Step
from yard_cli.render import COLOURS, print_line, printable, seconds
from yard_cli.stack.supervisor import News

MARKS: Final = {"succeeded": "✓", "failed": "✗", "cancelled": "-", "skipped": "»", "pending": "·"}
READY: Final = {"ready": "✓", "started": "…", "crashed": "✗", "stopped": "-", "killed": "✗"}


class LiveShow:
    """Draws the processes, the steps with their times, and what goes on now."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._began = time.monotonic()
        self._now = Text("")
        self._processes: dict[str, str] = {}
        self._operation: Operation | None = None
        self._spinner = Spinner("dots")
        self._live = Live(console=out, get_renderable=self._picture, refresh_per_second=10)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the last picture standing."""
        self._now = Text("")
        self._live.stop()

    def say(self, text: str) -> None:
        """Tell what begins now."""
        self._now = Text(text)

    def news(self, news: News) -> None:
        """Tell what a process of the stack did."""
        self._processes[news.process] = news.what
        if news.what == "crashed":
            text = f"{news.process} crashed ({news.detail}); starting it again"
            self._out.print(Text(text, style="red"))
        elif not self._live.is_started:
            self._out.print(Text(f"{news.process} {news.what}", style="bright_black"))

    def line(self, line: Line) -> None:
        """Tell a line of the operation's log."""
        print_line(line, out=self._out)

    def operation(self, operation: Operation) -> None:
        """Tell how far the operation is."""
        self._operation = operation

    def _picture(self) -> RenderableType:
        parts: list[RenderableType] = [self._process_line()] if self._processes else []
        if self._operation is not None:
            parts.append(_steps(self._operation))
        if self._now:
            elapsed = (f"  {time.monotonic() - self._began:.0f} s", "bright_black")
            self._spinner.update(text=Text.assemble(self._now, elapsed))
            parts.append(self._spinner)
        return Group(*parts)

    def _process_line(self) -> Text:
        words = Text()
        for name, what in self._processes.items():
            words.append(f"{READY[what]} {name}  ", style=COLOURS.get(what, "bright_black"))
        return words


def _steps(operation: Operation) -> Table:
    table = Table.grid(padding=(0, 1))
    for step in operation.steps:
        table.add_row(
            _mark(step),
            Text(step.name, style=COLOURS.get(step.state, "bold")),
            _progress(step),
            Text(seconds(_so_far(step)), style="bright_black"),
            Text(_detail(step), style="bright_black", overflow="ellipsis", no_wrap=True),
        )
    return table


def _mark(step: Step) -> Text:
    if step.state == "running":
        return Text("▸", style="cyan")
    return Text(MARKS.get(step.state, "·"), style=COLOURS.get(step.state, "bright_black"))


def _progress(step: Step) -> RenderableType:
    if step.progress is None or step.state != "running":
        return Text("")
    return ProgressBar(total=1, completed=step.progress, width=20)


def _so_far(step: Step) -> float | None:
    if step.state == "running" and step.started_at is not None:
        return max(0.0, time.time() - step.started_at.timestamp())
    return step.seconds


def _detail(step: Step) -> str:
    """Tell more of a step only while that matters."""
    return printable(step.detail or "") if step.state in {"running", "failed"} else ""
