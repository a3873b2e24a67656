"""Steam's server query (A2S): information, players and rules, behind a challenge."""

import hashlib
import os
import struct
from collections.abc import Mapping

from proxmox_lab.guests.simulated.programs.datagrams import Datagrams

PREFIX = b"\xff\xff\xff\xff"
INFO = b"TSource Engine Query\0"
PLAYERS, RULES = b"U", b"V"
CHALLENGE_SIZE = 4
PROTOCOL = 17
DEDICATED, LINUX, SECURED = b"d", b"l", 1
PORT_FOLLOWS = 0x80
MOST_PLAYERS = 255


class A2SAnswers(Datagrams):
    """Tells who repeats the challenge it was given; a forged address never hears it."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Take the settings the server was started with."""
        super().__init__(settings)
        self._secret = os.urandom(16)

    def answer(self, data: bytes, caller: tuple[str, int]) -> bytes:
        """The challenge first, then what was asked for."""
        if not data.startswith(PREFIX):
            return b""
        question = data[len(PREFIX) :]
        for begin, tell in ((INFO, self._information), (PLAYERS, _nobody), (RULES, _no_rules)):
            if question.startswith(begin):
                known = self._challenge(caller)
                right = question[len(begin) :] == known
                return PREFIX + (tell() if right else b"A" + known)
        return b""

    def _challenge(self, caller: tuple[str, int]) -> bytes:
        return hashlib.sha256(self._secret + repr(caller).encode()).digest()[:CHALLENGE_SIZE]

    def _information(self) -> bytes:
        texts = ("name", "map", "folder", "game")
        told = b"".join(self.fact(name).encode() + b"\0" for name in texts)
        most = min(_number(self.fact("max_players")), MOST_PLAYERS)
        locked = 1 if self.fact("password") else 0
        numbers = struct.pack("<HBBBccBB", 0, 0, most, 0, DEDICATED, LINUX, locked, SECURED)
        version = self.fact("version", "simulated").encode() + b"\0"
        port = struct.pack("<BH", PORT_FOLLOWS, _number(self.fact("port")))
        return b"I" + bytes([PROTOCOL]) + told + numbers + version + port


def _nobody() -> bytes:
    return b"D\0"


def _no_rules() -> bytes:
    return b"E\0\0"


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
