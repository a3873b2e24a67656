"""Verifies deliveries by Standard Webhooks, as a receiver must before it believes anything.

A shared secret (``whsec_…``) verifies ``v1`` by the specification's own package; a public key
(``whpk_…``) verifies ``v1a``, ed25519.
"""

import base64
import binascii
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from yard_cli.failure import Failure

SHARED: Final = "whsec_"
PUBLIC: Final = "whpk_"
SIZE: Final = 32  # bytes of a public key
LONGEST: Final = 12  # digits of a time
TOLERANCE: Final = 300  # seconds that a signature may be old, or our clock wrong
NEEDED: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


class NotGenuine(Exception):
    """A delivery that nobody who knows the secret sent; says why."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """Knows one secret or several: while they are exchanged either is good."""

    secrets: Sequence[str] = field(repr=False)

    def __post_init__(self) -> None:
        for secret in self.secrets:
            _check(secret)
        if not self.secrets:
            raise Failure("there is no secret to verify by", "it is whsec_… or whpk_…")

    def verify(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Raise ``NotGenuine`` unless one of the secrets has signed it, and lately.

        ``headers``: names in lower case.
        """
        missing = [name for name in NEEDED if not headers.get(name)]
        if missing:
            raise NotGenuine(f"it has no {missing[0]}")
        age = time.time() - _seconds(headers["webhook-timestamp"])
        if abs(age) > TOLERANCE:
            raise NotGenuine(f"it was signed {age:.0f} s ago: {TOLERANCE} are too many")
        if not any(_signed(secret, body, headers) for secret in self.secrets):
            raise NotGenuine("its signature is by no secret known here")


def _check(secret: str) -> None:
    prefix = next((one for one in (SHARED, PUBLIC) if secret.startswith(one)), None)
    try:
        key = base64.b64decode(secret.removeprefix(prefix or ""), validate=True)
    except binascii.Error:
        key = b""
    if prefix is None or not key or (prefix == PUBLIC and len(key) != SIZE):
        raise Failure(
            "that is no secret of a webhook", "it is what was shown once: whsec_… or whpk_…"
        )


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST):
        raise NotGenuine("its webhook-timestamp is no time")
    return int(text)


def _signed(secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
    try:
        if secret.startswith(SHARED):
            Webhook(secret).verify(body, dict(headers), json_parse=False)
            return True
        return _signed_publicly(secret, body, headers)
    except (WebhookVerificationError, ValueError):  # signatures that are none, too
        return False


def _signed_publicly(secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(secret.removeprefix(PUBLIC)))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for signature in headers["webhook-signature"].split():
        scheme, _, text = signature.partition(",")
        if scheme == "v1a":
            try:
                key.verify(base64.b64decode(text), content)
            except InvalidSignature:
                continue
            return True
    return False
