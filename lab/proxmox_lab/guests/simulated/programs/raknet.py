"""RakNet's unconnected ping, by which Minecraft Bedrock shows a server in its list."""

import os
import struct

from proxmox_lab.guests.simulated.programs.datagrams import Datagrams
from proxmox_lab.guests.simulated.programs.settings import number

PING, PONG = 0x01, 0x1C
MAGIC = bytes.fromhex("00ffff00fefefefefdfdfdfd12345678")
MAGIC_AT = 9  # behind the packet's number and the caller's time
SHORTEST = MAGIC_AT + len(MAGIC)
PROTOCOL = 818
VERSION = "1.21.93"
MODES = {"survival": 0, "creative": 1, "adventure": 2}
GUID = int.from_bytes(os.urandom(7), "big")


class RakNetAnswers(Datagrams):
    """Answers a ping with the one line that the game's server list shows."""

    def answer(self, data: bytes, caller: tuple[str, int]) -> bytes:  # noqa: ARG002  all are told
        """The pong, with the caller's own time in it."""
        if len(data) < SHORTEST or data[0] != PING or data[MAGIC_AT:SHORTEST] != MAGIC:
            return b""
        line = self._line().encode()
        theirs = data[1:MAGIC_AT]
        head = bytes([PONG]) + theirs + struct.pack(">Q", GUID) + MAGIC
        return head + struct.pack(">H", len(line)) + line

    def _line(self) -> str:
        mode = self.fact("gamemode", "survival")
        parts = (
            *("MCPE", self.fact("name", "Dedicated Server"), PROTOCOL, VERSION, 0),
            *(number(self.settings, "max-players", 10), GUID),
            *(self.fact("world", "Bedrock level"), mode.capitalize(), MODES.get(mode, 0)),
            *(self.fact("port", "19132"), number(self.settings, "server-portv6", 19133)),
        )
        return ";".join(str(part).replace(";", "\\;") for part in parts) + ";"
