"""Issue and verify JSON Web Tokens: ES256 and nothing else. The only python-jose.

A token is good for one purpose, named twice: ``aud`` (who shall take it) and the header's
``typ`` (what it is). Whatever is wrong with a token, and whatever bytes it is made of, the
verifier says ``InvalidToken``.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# (python-jose carries no types)

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn

from jose import jwk, jws
from jose.backends.cryptography_backend import CryptographyECKey

from common.contracts.base import now
from common.contracts.ids import new_id
from common.security.keys import PublicKey, keys_of_jwks, public_half

ACCESS: Final = "at+jwt"
LOG_TICKET: Final = "ticket+jwt"

MAX_SIZE: Final = 4096
MAX_LIFE: Final = timedelta(minutes=15)
LEEWAY: Final = timedelta(seconds=10)

_SHAPE: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_REGISTERED: Final = frozenset({"iss", "aud", "sub", "exp", "iat", "jti"})

Clock = Callable[[], datetime]


class InvalidToken(Exception):
    """Not a token of ours for this purpose at this time. Deliberately says no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a verified token says. ``extra`` holds the claims beyond the registered ones."""

    subject: str
    token_id: str
    issued_at: datetime
    expires_at: datetime
    extra: Mapping[str, object]


class TokenIssuer:
    """Signs tokens with one private key. Raises ``UnusableKey`` when it is not ES256 in PEM."""

    def __init__(self, private_pem: str, *, issuer: str, clock: Clock = now) -> None:
        self.public_key: Final = public_half(private_pem)
        self._key = _key(private_pem)
        self._issuer = issuer
        self._clock = clock

    def issue(
        self, *, subject: str, audience: str, type: str, life: timedelta, **extra: str
    ) -> str:
        """Return a signed token, good for ``life`` from now."""
        issued = self._clock()
        claims = extra | {
            "iss": self._issuer,
            "aud": audience,
            "sub": subject,
            "jti": new_id("token"),
            "iat": int(issued.timestamp()),
            "exp": int((issued + life).timestamp()),
        }
        headers = {"typ": type, "kid": self.public_key.id}
        return jws.sign(claims, self._key, headers=headers, algorithm="ES256")

    def jwks(self, *also: PublicKey) -> dict[str, list[dict[str, str]]]:
        """Return the public key set; ``also`` names older keys that still verify."""
        return {"keys": [key.jwk() for key in (self.public_key, *also)]}


class TokenVerifier:
    """Checks tokens against keys by their id; two keys verify while one is being replaced."""

    def __init__(self, keys: Mapping[str, PublicKey], *, issuer: str, clock: Clock = now) -> None:
        self._keys = {name: _key(key.pem) for name, key in keys.items()}
        self._issuer = issuer
        self._clock = clock

    def verify(self, token: str | bytes, *, audience: str, type: str) -> Claims:
        """Return what a token says. Raises ``InvalidToken``, whatever the bytes."""
        try:
            payload = self._signed_payload(_checked_shape(token), type=type)
            return self._claims(payload, audience=audience)
        except InvalidToken:
            raise
        except Exception:  # noqa: BLE001  parsers of hostile bytes raise anything
            # The cause may quote the token; it goes no further.
            raise InvalidToken from None

    def _signed_payload(self, token: str, *, type: str) -> dict[str, Any]:
        header = _json(_decoded(token.split(".", maxsplit=1)[0]))
        if header.keys() != {"alg", "typ", "kid"} or header["typ"] != type:
            raise InvalidToken
        if header["alg"] != "ES256":
            raise InvalidToken
        payload: bytes = jws.verify(token, self._keys[header["kid"]], algorithms=["ES256"])
        return _json(payload)

    def _claims(self, payload: Mapping[str, Any], *, audience: str) -> Claims:
        if payload["iss"] != self._issuer or payload["aud"] != audience:
            raise InvalidToken
        issued, expires = _time(payload["iat"]), _time(payload["exp"])
        moment = self._clock()
        if not issued - LEEWAY <= moment <= expires + LEEWAY or expires - issued > MAX_LIFE:
            raise InvalidToken
        return Claims(
            subject=_text(payload["sub"]),
            token_id=_text(payload["jti"]),
            issued_at=issued,
            expires_at=expires,
            extra={name: value for name, value in payload.items() if name not in _REGISTERED},
        )


def verifier_from_jwks(
    jwks: Mapping[str, object], *, issuer: str, clock: Clock = now
) -> TokenVerifier:
    """Return a verifier for a published key set. Raises ``UnusableKey``."""
    return TokenVerifier(keys_of_jwks(jwks), issuer=issuer, clock=clock)


def _key(pem: str) -> CryptographyECKey:
    # Named outright: the other backends compute signatures in variable time.
    key = jwk.construct(pem, algorithm="ES256")
    if not isinstance(key, CryptographyECKey):
        raise TypeError("ES256 is not computed by the cryptography package")
    return key


def _checked_shape(token: str | bytes) -> str:
    if len(token) > MAX_SIZE:
        raise InvalidToken
    text = token.decode("ascii") if isinstance(token, bytes) else token
    if not _SHAPE.fullmatch(text):
        raise InvalidToken
    return text


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _json(data: bytes) -> dict[str, Any]:
    found = json.loads(data, parse_constant=_refuse, object_pairs_hook=_unique)
    if not isinstance(found, dict):
        raise InvalidToken
    return found


def _refuse(_: str) -> NoReturn:
    raise InvalidToken


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidToken
    return found


def _time(value: object) -> datetime:
    if type(value) is not int:
        raise InvalidToken
    return datetime.fromtimestamp(value, UTC)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidToken
    return value
