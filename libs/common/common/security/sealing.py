"""Secrets at rest and under way: AES-256-GCM envelopes, each bound to one field of one server.

    sealed:v1:<key id>:<base64 of nonce and ciphertext>

The first key of the file seals, all of them open: put a new key on top, and drop an old one
when nothing sealed with it is needed any more.
"""

import base64
import hashlib
import hmac
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.contracts.sealed import MARK

KEY_SIZE: Final = 32  # bytes
NONCE_SIZE: Final = 12
ENVELOPE: Final = re.compile(
    rf"{MARK}v1:(?P<key>[0-9a-f]{{16}}):(?P<body>[A-Za-z0-9_-]+=*)", re.ASCII
)


class UnusableSealingKey(Exception):
    """A file without good keys; the service must not start. Holds nothing of the file."""


class CannotOpen(Exception):
    """An envelope that is damaged, of another place or under an unknown key. Never its text."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """Seals and opens with the given keys of 32 bytes each."""

    keys: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.keys or any(len(key) != KEY_SIZE for key in self.keys):
            raise UnusableSealingKey(f"sealing needs a key of {KEY_SIZE} bytes, or several")

    def seal(self, data: bytes, *, server_id: str, pointer: str) -> str:
        """Return an envelope that opens at this place only; never twice the same."""
        key = self.keys[0]
        nonce = os.urandom(NONCE_SIZE)
        sealed = AESGCM(key).encrypt(nonce, data, _place(server_id, pointer))
        return f"{MARK}v1:{_key_id(key)}:{_encoded(nonce + sealed)}"

    def open(self, envelope: str, *, server_id: str, pointer: str) -> bytes:
        """Return what was sealed at this place. Raises ``CannotOpen``."""
        match = ENVELOPE.fullmatch(envelope)
        if match is None:
            raise CannotOpen("it is not an envelope of a version known here")
        key = next((key for key in self.keys if _key_id(key) == match["key"]), None)
        if key is None:
            raise CannotOpen(f"its key {match['key']} is not in the key file")
        try:
            body = _decoded(match["body"])
            place = _place(server_id, pointer)
            return AESGCM(key).decrypt(body[:NONCE_SIZE], body[NONCE_SIZE:], place)
        except (ValueError, InvalidTag):
            raise CannotOpen("it was changed, or sealed for another server or field") from None

    def fingerprint(self, data: bytes) -> str:
        """Return what tells equal data from other; without the key it cannot be guessed at.

        The last key makes it, so that it stays while new keys are put on top.
        """
        return hmac.new(_derived(self.keys[-1], b"fingerprint"), data, hashlib.sha256).hexdigest()


def new_key_line() -> str:
    """Return a line of a key file: a fresh key."""
    return base64.b64encode(os.urandom(KEY_SIZE)).decode() + "\n"


def read_sealing(file: Path) -> Sealing:
    """Read a file of one base64 key per line. Raises ``UnusableSealingKey``."""
    try:
        everybody = file.stat().st_mode & 0o007
        lines = file.read_text("ascii").split()
        keys = tuple(base64.b64decode(line, validate=True) for line in lines)
    except OSError as error:
        raise UnusableSealingKey(f"{file} cannot be read: {error.strerror}") from None
    except ValueError:
        raise UnusableSealingKey(f"{file} must hold one base64 key per line") from None
    if everybody:
        raise UnusableSealingKey(f"{file} is open to everybody; chmod 600 it")
    return Sealing(keys)


def _place(server_id: str, pointer: str) -> bytes:
    return json.dumps(["spawnyard sealed v1", server_id, pointer]).encode()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _decoded(text: str) -> bytes:
    data = base64.urlsafe_b64decode(text)
    if _encoded(data) != text:  # several texts mean the same bytes; one is right
        raise ValueError
    return data


def _key_id(key: bytes) -> str:
    return _derived(key, b"key id")[:8].hex()


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, b"spawnyard sealing: " + purpose, "sha256")
