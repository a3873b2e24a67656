"""The first exchange of Luanti's network protocol: a stranger is given a peer number."""

import struct
from collections.abc import Mapping

from proxmox_lab.guests.simulated.programs.datagrams import Datagrams

PROTOCOL = bytes.fromhex("4f457403")
HEADER = struct.Struct(">4sHB")  # protocol, sender's peer number, channel
RELIABLE = b"\x03\xff\xdc"  # reliable packet, first sequence number 65500
SET_PEER_ID = b"\x00\x01"  # control packet, "you are peer number …"
SERVER_PEER = 1
FIRST_PEER = 2


class LuantiAnswers(Datagrams):
    """Answers every first packet of a client with a peer number of its own."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Take the settings the server was started with; the handshake needs none of them."""
        super().__init__(settings)
        self._next_peer = FIRST_PEER

    def answer(self, data: bytes, caller: tuple[str, int]) -> bytes:  # noqa: ARG002  anybody may
        """Give the caller a peer number; anything else is met with silence."""
        if len(data) < HEADER.size or data[:4] != PROTOCOL:
            return b""
        _, sender, _ = HEADER.unpack_from(data)
        if sender:
            return b""
        peer, self._next_peer = self._next_peer, self._next_peer % 65_535 + 1
        head = HEADER.pack(PROTOCOL, SERVER_PEER, 0)
        return head + RELIABLE + SET_PEER_ID + struct.pack(">H", peer)
