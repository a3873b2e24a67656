"""The journal of one unit: its latest lines, each with the start of the unit it belongs to."""

import uuid
from collections import deque
from collections.abc import Iterable, Iterator

JOURNAL_LINES = 50


class Journal:
    """Lines as they were written, oldest first; ``invocation`` is whose lines come now."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self.invocation = ""
        self._lines: deque[tuple[str, str]] = deque(maxlen=JOURNAL_LINES)

    def begin(self) -> None:
        """What is written from now on belongs to a new start of the unit."""
        self.invocation = uuid.uuid4().hex

    def append(self, line: str) -> None:
        """Write one line."""
        self._lines.append((self.invocation, line))

    def extend(self, lines: Iterable[str]) -> None:
        """Write several lines."""
        for line in lines:
            self.append(line)

    def of(self, invocation: str) -> list[str]:
        """The lines of one start."""
        return [line for whose, line in self._lines if whose == invocation]

    def __iter__(self) -> Iterator[str]:
        """All lines that are kept."""
        return iter([line for _, line in self._lines])
