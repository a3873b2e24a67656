"""QEMU's own control channel (QMP): one command, one answer."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from proxmox_lab.guests.port import GuestFailure

_SECONDS: Final = 10.0
_LONGEST_LINE: Final = 1 << 20


class Monitor:
    """The monitor of one QEMU. It serves one client at a time, so calls queue here."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._one_at_a_time = asyncio.Lock()

    async def execute(self, command: str, **arguments: object) -> object:
        """Return the command's result; raise ``GuestFailure`` with QEMU's own text."""
        request = {"execute": command, **({"arguments": arguments} if arguments else {})}
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(_SECONDS):
                    return await self._converse(request)
            except (OSError, EOFError, TimeoutError, ValueError) as lost:
                raise GuestFailure(f"the monitor did not answer '{command}': {lost!r}") from lost

    async def _converse(self, request: Mapping[str, object]) -> object:
        reader, writer = await asyncio.open_unix_connection(self._path, limit=_LONGEST_LINE)
        try:
            await reader.readuntil()  # the greeting
            await _ask(reader, writer, {"execute": "qmp_capabilities"})
            return await _ask(reader, writer, request)
        finally:
            writer.close()


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: Mapping[str, object]
) -> object:
    """Return the next answer, past whatever events come before it."""
    writer.write(json.dumps(message).encode() + b"\n")
    while True:
        told: dict[str, object] = json.loads(await reader.readuntil())
        if "error" in told:
            raise GuestFailure(_text_of(told["error"]))
        if "return" in told:
            return told["return"]


def _text_of(error: object) -> str:
    match error:
        case {"desc": str(text)}:
            return text
        case _:
            return str(error)
