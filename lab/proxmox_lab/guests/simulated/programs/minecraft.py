"""Minecraft's server list ping: status and latency, over TCP."""

import asyncio
import contextlib
import json
import struct
from collections.abc import Mapping

from proxmox_lab.guests.simulated.programs.settings import number

STATUS = 1
SEVEN_BITS = 0x7F
PACKET_LIMIT = 2_048
PATIENCE = 10.0
PROTOCOL = 772
VERSION = "archive version"  # not a name that a properties file can hold


class MinecraftAnswers:
    """Serves one connection after the other with the server's status."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Take the settings the server was started with."""
        self.settings = settings

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer handshake, status and ping of one caller."""
        with contextlib.suppress(asyncio.IncompleteReadError, OSError, TimeoutError, ValueError):
            async with asyncio.timeout(PATIENCE):
                await self._answer(reader, writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handshake = await _packet(reader)
        if handshake[-1] != STATUS:
            return
        await _packet(reader)
        status = json.dumps(self._status()).encode()
        writer.write(_framed(b"\x00" + _varint(len(status)) + status))
        ping = await _packet(reader)
        writer.write(_framed(ping))
        await writer.drain()

    def _status(self) -> dict[str, object]:
        return {
            "version": {"name": self.settings.get(VERSION, "unknown"), "protocol": PROTOCOL},
            "players": {"max": number(self.settings, "max-players", 20), "online": 0},
            "description": self.settings.get("motd", "A Minecraft Server"),
        }


async def _packet(reader: asyncio.StreamReader) -> bytes:
    length = shift = 0
    while True:
        (byte,) = await reader.readexactly(1)
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    if not 0 < length <= PACKET_LIMIT:
        message = "not a packet of this protocol"
        raise ValueError(message)
    return await reader.readexactly(length)


def _framed(body: bytes) -> bytes:
    return _varint(len(body)) + body


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + struct.pack("B", value)
