"""Tokens: what is accepted, and that everything else is refused the same way."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from jose import jwk, jws

from common.security.keys import UnusableKey, keys_of_jwks, new_private_pem
from common.security.tokens import (
    ACCESS,
    LOG_TICKET,
    Claims,
    InvalidToken,
    TokenIssuer,
    TokenVerifier,
    verifier_from_jwks,
)

MOMENT = datetime(2026, 1, 1, 12, tzinfo=UTC)
ISSUER = "https://yard.test"
PEM = new_private_pem()
KID = TokenIssuer(PEM, issuer=ISSUER).public_key.id


def issuer(*, pem: str = PEM, name: str = ISSUER, at: datetime = MOMENT) -> TokenIssuer:
    return TokenIssuer(pem, issuer=name, clock=lambda: at)


def verifier(*, at: datetime = MOMENT) -> TokenVerifier:
    return verifier_from_jwks(issuer().jwks(), issuer=ISSUER, clock=lambda: at)


def access(by: TokenIssuer | None = None, *, minutes: int = 10) -> str:
    return (by or issuer()).issue(
        subject="usr_1", audience="gateway", type=ACCESS, life=timedelta(minutes=minutes), sid="s1"
    )


def verified(token: str | bytes, *, at: datetime = MOMENT) -> Claims:
    return verifier(at=at).verify(token, audience="gateway", type=ACCESS)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token signed with the true key, whatever it says."""
    key = jwk.construct(PEM, algorithm="ES256")
    text = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{text}.{b64(key.sign(text.encode()))}"


HEADER: dict[str, Any] = {"alg": "ES256", "typ": ACCESS, "kid": KID}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "gateway",
    "sub": "usr_1",
    "jti": "tok_1",
    "iat": int(MOMENT.timestamp()),
    "exp": int(MOMENT.timestamp()) + 600,
}


def test_a_token_says_what_was_put_into_it() -> None:
    claims = verified(access())

    assert claims.subject == "usr_1"
    assert claims.token_id.startswith("tok_")
    assert claims.issued_at == MOMENT
    assert claims.expires_at == MOMENT + timedelta(minutes=10)
    assert claims.extra == {"sid": "s1"}


def test_a_token_may_come_as_bytes() -> None:
    assert verified(access().encode()).subject == "usr_1"


def test_what_signed_by_hand_is_a_valid_token_too() -> None:
    assert verified(signed(HEADER, CLAIMS)).token_id == "tok_1"


@pytest.mark.parametrize(
    "header",
    [
        {**HEADER, "alg": "none"},
        {**HEADER, "alg": "HS256"},
        {**HEADER, "alg": "es256"},
        {**HEADER, "alg": "ES384"},
        {**HEADER, "alg": ["ES256"]},
        {**HEADER, "alg": {"ES256": 1}},
        {**HEADER, "alg": None},
        {**HEADER, "typ": "JWT"},
        {**HEADER, "typ": LOG_TICKET},
        {**HEADER, "kid": "another"},
        {**HEADER, "kid": ["another"]},
        {**HEADER, "kid": None},
        {**HEADER, "jku": "https://evil.test/keys"},
        {**HEADER, "x5u": "https://evil.test/keys"},
        {**HEADER, "jwk": {"kty": "EC"}},
        {**HEADER, "crit": ["exp"]},
        {"alg": "ES256", "typ": ACCESS},
        {"alg": "ES256", "kid": KID},
        {},
    ],
)
def test_only_the_one_header_is_accepted(header: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        verified(signed(header, CLAIMS))


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "jti", "iat", "exp"])
def test_every_claim_is_required(name: str) -> None:
    claims = {key: value for key, value in CLAIMS.items() if key != name}

    with pytest.raises(InvalidToken):
        verified(signed(HEADER, claims))


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.test"},
        {"aud": "log-service"},
        {"aud": ["gateway"]},
        {"sub": ""},
        {"sub": 7},
        {"jti": None},
        {"iat": "1"},
        {"iat": True},
        {"exp": 1e12},
        {"exp": 10**30},
        {"exp": CLAIMS["iat"] + 901},
        {"iat": CLAIMS["iat"] + 60},
    ],
)
def test_a_claim_of_the_wrong_value_or_kind_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        verified(signed(HEADER, {**CLAIMS, **change}))


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused() -> None:
    public = issuer().public_key.pem.encode()
    text = (
        f"{b64(json.dumps({**HEADER, 'alg': 'HS256'}).encode())}.{b64(json.dumps(CLAIMS).encode())}"
    )
    forged = f"{text}.{b64(hmac.new(public, text.encode(), hashlib.sha256).digest())}"

    with pytest.raises(InvalidToken):
        verified(forged)


def test_a_token_signed_with_another_key_is_refused() -> None:
    stranger = issuer(pem=new_private_pem())
    forged = jws.sign(CLAIMS, jwk.construct(new_private_pem(), "ES256"), HEADER, "ES256")

    for token in (access(stranger), forged):
        with pytest.raises(InvalidToken):
            verified(token)


def test_a_token_expires() -> None:
    token = access()

    assert verified(token, at=MOMENT + timedelta(minutes=10))
    with pytest.raises(InvalidToken):
        verified(token, at=MOMENT + timedelta(minutes=10, seconds=11))


def test_a_token_of_one_purpose_is_refused_for_every_other() -> None:
    ticket = issuer().issue(
        subject="usr_1", audience="log-service", type=LOG_TICKET, life=timedelta(minutes=1)
    )

    assert verifier().verify(ticket, audience="log-service", type=LOG_TICKET)
    for audience, kind in [("gateway", ACCESS), ("gateway", LOG_TICKET), ("log-service", ACCESS)]:
        with pytest.raises(InvalidToken):
            verifier().verify(ticket, audience=audience, type=kind)


def test_while_a_key_is_replaced_both_verify() -> None:
    new = issuer(pem=new_private_pem())
    both = verifier_from_jwks(new.jwks(issuer().public_key), issuer=ISSUER, clock=lambda: MOMENT)

    for token in (access(), access(new)):
        assert both.verify(token, audience="gateway", type=ACCESS)
    with pytest.raises(InvalidToken):
        verified(access(new))


@pytest.mark.parametrize("suffix", ["!!", "\n", "=", " ", ".", "ä", "\x00"])
def test_nothing_may_be_added_to_a_token(suffix: str) -> None:
    with pytest.raises(InvalidToken):
        verified(access() + suffix)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "..",
        "a.b",
        "a.b.c.d",
        "a" * 4097,
        "a.b.c" * 2000,
        b"\xff\xfe.\x00.a",
        b64(b"[" * 1500) + ".e30.e30",
        b64(b'{"alg":' * 300) + ".e30.e30",
        b64(b"9" * 1500) + ".e30.e30",
        b64(b'{"alg":NaN,"typ":1,"kid":1}') + ".e30.e30",
        b64(b'{"alg":"ES256","alg":"none","typ":"at+jwt","kid":"x"}') + ".e30.e30",
        b64(b"null") + ".e30.e30",
    ],
)
def test_malformed_tokens_are_refused(token: str | bytes) -> None:
    with pytest.raises(InvalidToken):
        verified(token)


@given(st.binary(max_size=300))
def test_any_bytes_are_an_invalid_token_and_never_another_error(data: bytes) -> None:
    with pytest.raises(InvalidToken):
        verified(data)


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=80))
def test_any_three_parts_are_an_invalid_token(a: bytes, b: bytes, c: bytes) -> None:
    with pytest.raises(InvalidToken):
        verified(f"{b64(a)}.{b64(b)}.{b64(c)}")


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_any_payload_signed_by_us_is_checked(payload: Any) -> None:
    with pytest.raises(InvalidToken):
        verified(signed(HEADER, payload))


def _pem(key: Any, encoding: Encoding = Encoding.PEM) -> bytes:
    return key.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "key",
    [
        "",
        "secret",
        '{"kty":"EC"}',
        "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI",
        _pem(ec.generate_private_key(ec.SECP384R1())).decode(),
        _pem(ec.generate_private_key(ec.SECP256K1())).decode(),
        _pem(rsa.generate_private_key(65537, 2048)).decode(),
        _pem(ec.generate_private_key(ec.SECP256R1()), Encoding.DER).decode("latin-1"),
    ],
)
def test_only_an_es256_key_in_pem_can_sign(key: str) -> None:
    with pytest.raises(UnusableKey):
        TokenIssuer(key, issuer=ISSUER)


GOOD = issuer().jwks()["keys"][0]


@pytest.mark.parametrize(
    "jwks",
    [
        {},
        {"keys": []},
        {"keys": "none"},
        {"keys": [None]},
        {"keys": [{**GOOD, "kty": "RSA"}]},
        {"keys": [{**GOOD, "alg": "HS256"}]},
        {"keys": [{**GOOD, "crv": "P-384"}]},
        {"keys": [{**GOOD, "x": GOOD["y"]}]},
        {"keys": [{**GOOD, "x": "AA"}]},
        {"keys": [{**GOOD, "x": 5}]},
        {"keys": [{**GOOD, "x": "ä"}]},
        {"keys": [GOOD, {"kty": "oct", "k": "c2VjcmV0"}]},
    ],
)
def test_only_es256_keys_are_loaded_from_a_key_set(jwks: dict[str, Any]) -> None:
    with pytest.raises(UnusableKey):
        keys_of_jwks(jwks)


def test_a_key_set_shows_no_private_part() -> None:
    assert GOOD.keys() == {"kty", "crv", "alg", "use", "kid", "x", "y"}
