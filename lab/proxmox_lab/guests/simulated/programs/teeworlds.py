"""Teeworlds 0.7: the token handshake and the server information it protects."""

import hashlib
import os
from collections.abc import Mapping

from proxmox_lab.guests.simulated.programs.datagrams import Datagrams
from proxmox_lab.guests.simulated.programs.settings import number

CONTROL_HEADER = b"\x04\x00\x00"
TOKEN_MESSAGE = 5
CONNLESS = 0x21
GET_INFO = b"\xff\xff\xff\xffgie3"
INFO = b"\xff\xff\xff\xffinf3"
HEADER_SIZE = 17  # flags, both tokens, magic
TOKEN_REQUEST_SIZE = 512  # a padded request: no use for reflection
VERSION = "0.7.5"


class TeeworldsAnswers(Datagrams):
    """Hands out tokens and, to those who hold one, name, map and player counts."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Take the settings the server was started with."""
        super().__init__(settings)
        self._secret = os.urandom(16)

    def answer(self, data: bytes, caller: tuple[str, int]) -> bytes:
        """Answer a token request or an information request; the rest is met with silence."""
        return self._token(data, caller) or self._information(data, caller)

    def _token(self, data: bytes, caller: tuple[str, int]) -> bytes:
        wanted = len(data) >= TOKEN_REQUEST_SIZE and data[:1] == CONTROL_HEADER[:1]
        if not wanted or data[7] != TOKEN_MESSAGE:
            return b""
        theirs = data[8:12]
        return CONTROL_HEADER + theirs + bytes([TOKEN_MESSAGE]) + self._token_of(caller)

    def _information(self, data: bytes, caller: tuple[str, int]) -> bytes:
        asks = len(data) > 17 and data[0] == CONNLESS and data[9:17] == GET_INFO
        if not asks or data[1:5] != self._token_of(caller):
            return b""
        theirs = data[5:9]
        return bytes([CONNLESS]) + theirs + data[1:5] + INFO + data[17:] + self._facts()

    def _token_of(self, caller: tuple[str, int]) -> bytes:
        return hashlib.sha256(self._secret + repr(caller).encode()).digest()[:4]

    def _facts(self) -> bytes:
        settings = self.settings
        locked = 1 if settings.get("password") else 0
        slots = number(settings, "sv_player_slots", 8)
        texts = (
            VERSION,
            settings.get("sv_name", "unnamed server"),
            settings.get("sv_hostname", ""),
            settings.get("sv_map", "dm1"),
            settings.get("sv_gametype", "dm").upper(),
        )
        numbers = (locked, 1, 0, slots, 0, number(settings, "sv_max_clients", slots))
        return b"".join(text.encode() + b"\0" for text in texts) + b"".join(map(_packed, numbers))


def _packed(value: int) -> bytes:
    """The game's variable-length integer: six bits first, then seven a byte."""
    packed = [value & 0x3F]
    value >>= 6
    while value:
        packed[-1] |= 0x80
        packed.append(value & 0x7F)
        value >>= 7
    return bytes(packed)
