"""Signatures of webhooks, verified by hands other than those that made them."""

import base64
from collections.abc import Mapping

import standardwebhooks
import svix.webhooks
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import WebhookVerificationError as NotByTheStandard
from svix.webhooks import WebhookVerificationError as NotBySvix

VERIFIERS = [standardwebhooks.Webhook, svix.webhooks.Webhook]
REFUSALS = (NotByTheStandard, NotBySvix)


def verified(shown: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Verify with the secret, or the public key, that was shown; all verifiers are of one mind."""
    if shown.startswith("whpk_"):
        return verified_by_ed25519(shown, headers, body)
    found = {_verified_by(each, shown, headers, body) for each in VERIFIERS}
    assert len(found) == 1, "they disagree"
    return found.pop()


def _verified_by(
    verifier: type[standardwebhooks.Webhook | svix.webhooks.Webhook],
    shown: str,
    headers: Mapping[str, str],
    body: bytes,
) -> bool:
    try:
        verifier(shown).verify(body, dict(headers))
    except REFUSALS:
        return False
    return True


def verified_by_ed25519(shown: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Verify as a receiver would who knows the specification and the public key alone."""
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(shown.removeprefix("whpk_")))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for signature in headers["webhook-signature"].split(" "):
        scheme, _, text = signature.partition(",")
        if scheme != "v1a":
            continue
        try:
            public.verify(base64.b64decode(text), content)
        except InvalidSignature:
            continue
        return True
    return False
