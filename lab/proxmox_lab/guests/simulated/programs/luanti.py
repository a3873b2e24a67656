"""The first exchange of Luanti's network protocol: a stranger is given a peer number."""

import asyncio
import struct
from collections.abc import Mapping
from typing import cast

PROTOCOL = bytes.fromhex("4f457403")
HEADER = struct.Struct(">4sHB")  # protocol, sender's peer number, channel
RELIABLE = b"\x03\xff\xdc"  # reliable packet, first sequence number 65500
SET_PEER_ID = b"\x00\x01"  # control packet, "you are peer number …"
SERVER_PEER = 1
FIRST_PEER = 2


class LuantiAnswers(asyncio.DatagramProtocol):
    """Answers every first packet of a client with a peer number of its own."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Take the settings the server was started with; the handshake needs none of them."""
        self.settings = settings
        self._transport: asyncio.DatagramTransport | None = None
        self._next_peer = FIRST_PEER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go out."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Give the caller a peer number; anything else is met with silence."""
        if self._transport is None or len(data) < HEADER.size or data[:4] != PROTOCOL:
            return
        _, sender, _ = HEADER.unpack_from(data)
        if sender:
            return
        peer, self._next_peer = self._next_peer, self._next_peer % 65_535 + 1
        head = HEADER.pack(PROTOCOL, SERVER_PEER, 0)
        self._transport.sendto(head + RELIABLE + SET_PEER_ID + struct.pack(">H", peer), addr)
