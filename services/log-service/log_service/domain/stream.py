"""A stream: the log of one operation. Its lines are numbered 1, 2, 3, … without a hole.

open --final batch--> ended      lines that come later still all get their numbers
"""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace

from common.contracts.logs import LogBatch, LogLine, StoredLine
from log_service.domain.text import harmless


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """How far the record of one operation has come."""

    id: str
    server_id: str
    last_sequence: int = 0
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line with its number and the key under which its writer will know it again."""

    key: str
    line: StoredLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Consecutive lines of a stream, and where the stream stood before they were read."""

    lines: tuple[StoredLine, ...]
    last_sequence: int
    ended: bool

    def next_after(self, after: int) -> int:
        """Where to go on reading."""
        return self.lines[-1].sequence if self.lines else after

    def is_last(self, after: int) -> bool:
        """Whether nothing follows this page, now or later."""
        return self.ended and self.next_after(after) >= self.last_sequence


def extend(
    stream: Stream, batch: LogBatch, *, known: Set[str], mask: Callable[[str], str]
) -> tuple[Stream, Sequence[Entry]]:
    """Number the lines of a batch whose keys the record does not know yet."""
    fresh: dict[str, LogLine] = {}
    for line in batch.lines:
        if line.key not in known:
            fresh.setdefault(line.key, line)
    entries = [
        Entry(key=line.key, line=_stored(line, batch.writer, sequence=sequence, mask=mask))
        for sequence, line in enumerate(fresh.values(), start=stream.last_sequence + 1)
    ]
    extended = replace(
        stream,
        last_sequence=stream.last_sequence + len(entries),
        ended=stream.ended or batch.final,
    )
    return extended, entries


def _stored(line: LogLine, writer: str, *, sequence: int, mask: Callable[[str], str]) -> StoredLine:
    return StoredLine(
        sequence=sequence,
        time=line.time,
        level=line.level,
        writer=harmless(writer),
        step=None if line.step is None else harmless(line.step),
        text=harmless(mask(line.text)),
    )
