"""The show where there is no terminal: a line for everything that happens."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.text import Text

from yard_cli.client.models import Line, Operation
from yard_cli.render import COLOURS, print_line, seconds
from yard_cli.stack.supervisor import News


class PlainShow:
    """Writes each thing once, with the time since the beginning."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._began = time.monotonic()
        self._told: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""

    def say(self, text: str) -> None:
        """Tell what begins now."""
        self._write(Text(text, style="bold"))

    def news(self, news: News) -> None:
        """Tell what a process of the stack did."""
        if news.what == "started":
            return
        detail = f" ({news.detail})" if news.detail else ""
        self._write(Text(f"{news.process} {news.what}{detail}", style=COLOURS.get(news.what, "")))

    def line(self, line: Line) -> None:
        """Tell a line of the operation's log."""
        print_line(line, out=self._out)

    def operation(self, operation: Operation) -> None:
        """Tell which steps changed since the last time."""
        for step in operation.steps:
            if step.state != self._told.get(step.name, "pending"):
                self._told[step.name] = step.state
                took = f" after {seconds(step.seconds)}" if step.seconds is not None else ""
                text = f"step {step.name}: {step.state}{took}"
                self._write(Text(text, style=COLOURS.get(step.state, "")))

    def _write(self, text: Text) -> None:
        stamp = f"[{time.monotonic() - self._began:6.1f} s] "
        self._out.print(Text.assemble((stamp, "bright_black"), text))
