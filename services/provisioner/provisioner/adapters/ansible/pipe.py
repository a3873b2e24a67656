"""What a child says through a pipe, within bounds: it may say anything, and without an end."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from pydantic import ValidationError

from provisioner.adapters.ansible.job import Told

CHUNK: Final = 65_536
LONGEST: Final = 256 * 1024  # bytes; a line that is longer is left out
KEPT_LINES: Final = 20
KEPT_LINE: Final = 1_000


@dataclass(slots=True)
class ToldLines:
    """Reads the lines that are ours; whatever else there is falls away."""

    stream: asyncio.StreamReader
    _rest: bytearray = field(default_factory=bytearray)
    _too_long: bool = False

    async def next(self) -> Told | None:
        """Return what is told next; None at the end."""
        while True:
            line = self._line()
            if line is not None:
                if (told := _told(line)) is not None:
                    return told
                continue
            chunk = await self.stream.read(CHUNK)
            if not chunk:
                return None
            self._rest += chunk

    def _line(self) -> bytes | None:
        """Take the next whole line off what was read."""
        line, newline, rest = self._rest.partition(b"\n")
        if not newline:
            if len(line) > LONGEST:
                self._rest.clear()
                self._too_long = True
            return None
        self._rest = rest
        if self._too_long or len(line) > LONGEST:
            self._too_long = False
            return b""
        return bytes(line)


def _told(line: bytes) -> Told | None:
    try:
        return Told.model_validate_json(line)
    except ValidationError:
        return None  # a library has written into our pipe


async def last_lines(stream: asyncio.StreamReader) -> tuple[str, ...]:
    """Read to the end; return the last lines, none of them endless."""
    kept: list[str] = []
    half = ""
    while chunk := await stream.read(CHUNK):
        *whole, half = (half + chunk.decode(errors="replace")).split("\n")
        kept = [*kept, *(line[:KEPT_LINE] for line in whole if line.strip())][-KEPT_LINES:]
        half = half[:KEPT_LINE]
    return tuple([*kept, half][-KEPT_LINES:] if half.strip() else kept)
