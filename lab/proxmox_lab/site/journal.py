"""A file that grows by a line at a time and is now and then written anew."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path


class Journal:
    """Lines in a file: a line written is kept when the process is killed the next instant."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None
        self.appended = 0  # bytes since the last sweep

    def lines(self) -> Iterator[str]:
        """Walk over what is there; the last line may be cut short."""
        if self._file.exists():
            yield from filter(None, self._file.read_text().split("\n"))

    def append(self, line: str) -> None:
        """Write one more line."""
        if self._descriptor is None:
            self._descriptor = self._open()
        self.appended += os.write(self._descriptor, f"{line}\n".encode())

    def _open(self) -> int:
        """Open the file at its end; a line that was cut short is ended there."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        descriptor = os.open(self._file, flags, 0o600)
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            os.write(descriptor, b"\n")
        return descriptor

    def sweep(self, lines: Iterable[str]) -> None:
        """Let the file hold these lines only."""
        self.close()
        write_whole(self._file, "".join(f"{line}\n" for line in lines))
        self.appended = 0

    def close(self) -> None:
        """Let go of the file; the next line opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def write_whole(file: Path, text: str, *, mode: int = 0o600) -> None:
    """Replace a file in one step, so that a crash leaves the old or the new one."""
    draft = file.with_name(f".{file.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
    draft.replace(file)
