"""ES256 keys: read from PEM, published and loaded as a JSON Web Key Set."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

SIZE = 32  # bytes of one coordinate on P-256


class UnusableKey(Exception):
    """A key that is not an ES256 key in the expected form; the service must not start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """The half everybody may know. ``id`` is its RFC 7638 thumbprint."""

    id: str
    x: str
    y: str
    pem: str

    def jwk(self) -> dict[str, str]:
        """Return it as an entry of a JSON Web Key Set."""
        return {
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig",
            "kid": self.id, "x": self.x, "y": self.y,
        }  # fmt: skip


def new_private_pem() -> str:
    """Return a fresh private key, PEM-encoded PKCS #8."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_half(private_pem: str) -> PublicKey:
    """Return the public key that belongs to a private one. Raises ``UnusableKey``."""
    if not private_pem.lstrip().startswith("-----BEGIN "):
        raise UnusableKey("the signing key is not PEM")
    try:
        key = load_pem_private_key(private_pem.encode(), password=None)
    except Exception as error:  # the library raises many kinds
        raise UnusableKey("the signing key cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UnusableKey("the signing key is not an ES256 (P-256) key")
    return _public_key(key.public_key())


def keys_of_jwks(jwks: Mapping[str, object]) -> dict[str, PublicKey]:
    """Read a key set, by key id. Raises ``UnusableKey`` when any entry is not ES256."""
    entries = jwks.get("keys")
    if not isinstance(entries, Sequence) or isinstance(entries, str) or not entries:
        raise UnusableKey("the key set holds no keys")
    found = [_from_jwk(entry) for entry in entries]  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]  JSON
    return {key.id: key for key in found}


def _from_jwk(entry: object) -> PublicKey:
    match entry:
        case {"kty": "EC", "crv": "P-256", "alg": "ES256", "x": str(x), "y": str(y)}:
            pass
        case _:
            raise UnusableKey("the key set holds a key that is not ES256")
    try:
        numbers = ec.EllipticCurvePublicNumbers(_number(x), _number(y), ec.SECP256R1())
        return _public_key(numbers.public_key())
    except ValueError as error:
        raise UnusableKey("the key set holds a point that is not on the curve") from error


def _public_key(key: ec.EllipticCurvePublicKey) -> PublicKey:
    numbers = key.public_numbers()
    x, y = _text(numbers.x), _text(numbers.y)
    canonical = json.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y}, separators=(",", ":"))
    return PublicKey(
        id=_base64(hashlib.sha256(canonical.encode()).digest()),
        x=x,
        y=y,
        pem=key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    )


def _text(number: int) -> str:
    return _base64(number.to_bytes(SIZE, "big"))


def _number(text: str) -> int:
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if len(data) != SIZE:
        raise ValueError("a coordinate has the wrong size")
    return int.from_bytes(data, "big")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
