"""What a show of a deployment must be able to tell, however it tells it."""

from types import TracebackType
from typing import Protocol, Self

from yard_cli.client.models import Line, Operation
from yard_cli.stack.supervisor import News


class Show(Protocol):
    """Tells what happens, as it happens."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def say(self, text: str) -> None:
        """Tell what begins now."""
        ...

    def news(self, news: News) -> None:
        """Tell what a process of the stack did."""
        ...

    def line(self, line: Line) -> None:
        """Tell a line of the operation's log."""
        ...

    def operation(self, operation: Operation) -> None:
        """Tell how far the operation is."""
        ...
