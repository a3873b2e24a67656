"""Satisfactory's lightweight query: the server's state and name over UDP."""

import struct

from proxmox_lab.guests.simulated.programs.datagrams import Datagrams

MAGIC = 0xF6D5
POLL, STATE = 0, 1
VERSION = 1
REQUEST = struct.Struct("<HBBQ")
ANSWER = struct.Struct("<HBBQBLQB")
IDLE = 1  # it runs, and no save is loaded: nobody has claimed it yet
CHANGELIST = 365_306
END = b"\x01"


class SatisfactoryAnswers(Datagrams):
    """Answers the poll that the game's server browser sends each second."""

    def answer(self, data: bytes, caller: tuple[str, int]) -> bytes:  # noqa: ARG002  all are told
        """State and name, with the caller's cookie."""
        if len(data) < REQUEST.size or not data.endswith(END):
            return b""
        magic, kind, version, cookie = REQUEST.unpack_from(data)
        if (magic, kind, version) != (MAGIC, POLL, VERSION):
            return b""
        name = self.fact("name", "Satisfactory Server").encode()
        told = ANSWER.pack(MAGIC, STATE, VERSION, cookie, IDLE, CHANGELIST, 0, 0)
        return told + struct.pack("<H", len(name)) + name + END
