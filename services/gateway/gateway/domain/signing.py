"""Signatures of webhook deliveries, exactly by Standard Webhooks 1.0.0.

Symmetric (``v1``): HMAC-SHA256 under a shared secret, ``whsec_`` and base64 of 24 to 64 bytes.
Asymmetric (``v1a``): ed25519, ``whsk_`` and base64 of the private key (its 32 bytes); who receives
needs nothing but the public one, ``whpk_`` and base64. Signed is ``id.timestamp.body``.
"""

import base64
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIZE: Final = 32  # bytes of a fresh key, of both kinds
PUBLIC: Final = "whpk_"


class Scheme(StrEnum):
    """How a delivery is signed; the name is the signature's prefix."""

    HMAC = "v1"
    ED25519 = "v1a"


PREFIX: Final[Mapping[Scheme, str]] = {Scheme.HMAC: "whsec_", Scheme.ED25519: "whsk_"}
SIZES: Final[Mapping[Scheme, range]] = {Scheme.HMAC: range(24, 65), Scheme.ED25519: range(32, 33)}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key to sign with. Raises ``ValueError`` for one that is too short or too long."""

    scheme: Scheme
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) not in SIZES[self.scheme]:
            raise ValueError(f"a key of {len(self.key)} bytes does not sign {self.scheme}")

    @classmethod
    def fresh(cls, scheme: Scheme) -> "SigningKey":
        """Return a new one."""
        return cls(scheme, secrets.token_bytes(SIZE))

    @classmethod
    def of(cls, text: str) -> "SigningKey":
        """Read one as ``text`` writes it. Raises ``ValueError``, which never holds the key."""
        for scheme, prefix in PREFIX.items():
            if text.startswith(prefix):
                return cls(scheme, base64.b64decode(text.removeprefix(prefix), validate=True))
        raise ValueError("not a key to sign with")

    @property
    def text(self) -> str:
        """The key, for storing it sealed."""
        return PREFIX[self.scheme] + base64.b64encode(self.key).decode()

    @property
    def shown(self) -> str:
        """What is shown, once, to who verifies: the secret, or the public key."""
        if self.scheme is Scheme.HMAC:
            return self.text
        public = Ed25519PrivateKey.from_private_bytes(self.key).public_key().public_bytes_raw()
        return PUBLIC + base64.b64encode(public).decode()

    def sign(self, content: bytes) -> str:
        """Return the signature with its prefix."""
        if self.scheme is Scheme.HMAC:
            found = hmac.digest(self.key, content, "sha256")
        else:
            found = Ed25519PrivateKey.from_private_bytes(self.key).sign(content)
        return f"{self.scheme},{base64.b64encode(found).decode()}"


def signed_headers(
    body: bytes, *, id: str, at: datetime, keys: Sequence[SigningKey]
) -> dict[str, str]:
    """Return the headers of one attempt; ``at`` is its own time, not that of the event.

    Each key signs, so that who knows one of them can verify while they are exchanged. Raises
    ``ValueError`` without a key, and for an id with a dot, which could pass for another id.
    """
    if not keys:
        raise ValueError("no key to sign with")
    if "." in id:
        raise ValueError("an id to be signed has no dot")
    timestamp = str(int(at.timestamp()))
    content = f"{id}.{timestamp}.".encode() + body
    return {
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(key.sign(content) for key in keys),
    }
