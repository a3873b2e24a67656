"""What live viewers may leave unread: the newest frames of a stream, kept once for all of them.

A viewer is a position, not a queue. Whoever falls behind the oldest frame kept was too slow;
thus a hundred slow viewers hold no more memory than one quick one.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import BaseModel

from common.contracts.logs import StoredLine

FRAME_BYTES: Final = 64 * 1024
LINE_OVERHEAD: Final = 200  # what JSON and the other fields add to a line's text, about


class _Lines(BaseModel, frozen=True):
    type: Literal["lines"] = "lines"
    lines: tuple[StoredLine, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """Consecutive lines, encoded once, sent to everybody."""

    lines: tuple[StoredLine, ...]
    text: str

    @property
    def first(self) -> int:
        """The sequence of its first line."""
        return self.lines[0].sequence

    @property
    def last(self) -> int:
        """The sequence of its last line."""
        return self.lines[-1].sequence

    def after(self, sequence: int) -> "Frame":
        """Return the part that follows a sequence."""
        if self.first > sequence:
            return self
        return encode(tuple(line for line in self.lines if line.sequence > sequence))


def encode(lines: tuple[StoredLine, ...]) -> Frame:
    """Put lines into one frame."""
    return Frame(lines, _Lines(lines=lines).model_dump_json())


def frames(lines: Sequence[StoredLine], *, size: int = FRAME_BYTES) -> Iterator[Frame]:
    """Put lines into frames of about ``size`` bytes; a larger line gets a frame of its own."""
    while lines:
        count = fitting(lines, size=size)
        yield encode(tuple(lines[:count]))
        lines = lines[count:]


def fitting(lines: Sequence[StoredLine], *, size: int) -> int:
    """Count how many leading lines fit into ``size`` bytes; one always does."""
    used = 0
    for count, line in enumerate(lines):
        used += len(line.text.encode()) + LINE_OVERHEAD
        if used > size and count:
            return count
    return len(lines)


@dataclass(slots=True, kw_only=True)
class Backlog:
    """The lines ``start < sequence <= end`` of a stream, at most so many of them."""

    start: int
    max_lines: int = 1000
    max_bytes: int = 256 * 1024
    _frames: list[Frame] = field(default_factory=list[Frame])
    _bytes: int = 0

    @property
    def end(self) -> int:
        """The last sequence it has seen."""
        return self._frames[-1].last if self._frames else self.start

    def add(self, frame: Frame) -> None:
        """Take the next frame; let go of the oldest beyond the bounds, never of the newest."""
        self._frames.append(frame)
        self._bytes += len(frame.text)
        while len(self._frames) > 1 and self._is_full():
            dropped = self._frames.pop(0)
            self._bytes -= len(dropped.text)
            self.start = dropped.last

    def next(self, after: int) -> Frame | None:
        """Return what follows a position that is not before ``start``, if it is there yet."""
        index = bisect_right(self._frames, after, key=lambda frame: frame.last)
        return self._frames[index].after(after) if index < len(self._frames) else None

    def _is_full(self) -> bool:
        return self.end - self.start > self.max_lines or self._bytes > self.max_bytes
