"""RCON, Source's remote console over TCP: a password, then commands."""

import asyncio
import contextlib
import struct
from collections.abc import Mapping

from proxmox_lab.guests.simulated.programs.datagrams import FACT

LOGIN, COMMAND, ANSWER, LOGGED_IN = 3, 2, 0, 2
REFUSED = -1
PACKET_LIMIT = 4_096
PATIENCE = 30.0


class SilentAnswers:
    """Takes connections and says nothing."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Need none of the settings."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Wait until the caller goes."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await reader.read()
        writer.close()


class RconAnswers:
    """Lets in who knows the password; every command is answered with its own words."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Take the settings the server was started with."""
        self._password = settings.get(FACT + "rcon_password", "")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one caller's packets."""
        with contextlib.suppress(asyncio.IncompleteReadError, OSError, TimeoutError, ValueError):
            async with asyncio.timeout(PATIENCE):
                await self._converse(reader, writer)
        writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside = False
        while True:
            number, kind, text = await _packet(reader)
            if kind == LOGIN:
                inside = bool(self._password) and text == self._password
                writer.write(_framed(number if inside else REFUSED, LOGGED_IN, ""))
            elif kind == COMMAND and inside:
                writer.write(_framed(number, ANSWER, f"(simulated) {text}"))
            else:
                return
            await writer.drain()


async def _packet(reader: asyncio.StreamReader) -> tuple[int, int, str]:
    (size,) = struct.unpack("<i", await reader.readexactly(4))
    if not 10 <= size <= PACKET_LIMIT:
        message = "not a packet of this protocol"
        raise ValueError(message)
    body = await reader.readexactly(size)
    number, kind = struct.unpack_from("<ii", body)
    return number, kind, body[8:-2].decode(errors="replace")


def _framed(number: int, kind: int, text: str) -> bytes:
    body = struct.pack("<ii", number, kind) + text.encode() + b"\0\0"
    return struct.pack("<i", len(body)) + body
