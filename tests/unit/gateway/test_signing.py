"""Signatures: those of Standard Webhooks 1.0.0, as verifiers of other hands understand them."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.signing import Scheme, SigningKey, signed_headers
from tests.signatures import REFUSALS, VERIFIERS, verified_by_ed25519

ID = "evt_01j0000000000000000000000a"
BODY = '{"type":"server.ready","data":{"server":{"name":"bücher ✓"}}}'.encode()


def signed(*keys: SigningKey, at: datetime | None = None) -> dict[str, str]:
    return signed_headers(BODY, id=ID, at=at or datetime.now(UTC), keys=keys)


def hmac_key() -> SigningKey:
    return SigningKey.fresh(Scheme.HMAC)


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_s84_others_verify_a_delivery_with_the_secret_that_was_shown(verifier):
    key = hmac_key()

    verifier(key.shown).verify(BODY, signed(key))


@pytest.mark.parametrize("verifier", VERIFIERS)
@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "evt_01j0000000000000000000000b"},
        {"webhook-timestamp": str(int(datetime.now(UTC).timestamp()) + 60)},
        {"webhook-signature": "v1,AAAA"},
    ],
)
def test_s84_others_refuse_what_was_changed_on_its_way(verifier, change):
    key = hmac_key()

    with pytest.raises(REFUSALS):
        verifier(key.shown).verify(BODY, signed(key) | change)
    with pytest.raises(REFUSALS):
        verifier(key.shown).verify(BODY + b" ", signed(key))
    with pytest.raises(REFUSALS):
        verifier(hmac_key().shown).verify(BODY, signed(key))


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_s84_while_secrets_are_exchanged_either_of_them_verifies(verifier):
    new, old = hmac_key(), hmac_key()

    headers = signed(new, old)

    assert len(headers["webhook-signature"].split(" ")) == 2
    for key in (new, old):
        verifier(key.shown).verify(BODY, headers)


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_s84_who_knows_one_scheme_is_not_disturbed_by_the_other(verifier):
    asymmetric, symmetric = SigningKey.fresh(Scheme.ED25519), hmac_key()

    headers = signed(asymmetric, symmetric)

    verifier(symmetric.shown).verify(BODY, headers)
    assert verified_by_ed25519(asymmetric.shown, headers, BODY)


@pytest.mark.parametrize("verifier", VERIFIERS)
@pytest.mark.parametrize("off", [timedelta(minutes=-6), timedelta(minutes=6)])
def test_s84_others_refuse_an_attempt_of_long_ago(verifier, off):
    key = hmac_key()

    with pytest.raises(REFUSALS):
        verifier(key.shown).verify(BODY, signed(key, at=datetime.now(UTC) + off))


def test_s84_the_signature_is_that_of_the_specifications_own_example():
    key = SigningKey.of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    headers = signed_headers(
        b'{"test": 2432232314}',
        id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=datetime.fromtimestamp(1_614_265_330.9, UTC),
        keys=[key],
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_s84_the_public_key_verifies_and_an_exchange_has_both():
    new, old = SigningKey.fresh(Scheme.ED25519), SigningKey.fresh(Scheme.ED25519)

    headers = signed(new, old)

    assert verified_by_ed25519(new.shown, headers, BODY)
    assert verified_by_ed25519(old.shown, headers, BODY)
    assert not verified_by_ed25519(new.shown, headers, BODY + b" ")
    assert not verified_by_ed25519(SigningKey.fresh(Scheme.ED25519).shown, headers, BODY)


def test_s84_ed25519_is_that_of_rfc_8032():
    private = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    signature = (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
        "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )

    key = SigningKey(Scheme.ED25519, bytes.fromhex(private))

    assert key.shown == "whpk_" + base64.b64encode(bytes.fromhex(public)).decode()
    assert key.sign(b"") == "v1a," + base64.b64encode(bytes.fromhex(signature)).decode()


@pytest.mark.parametrize("scheme", Scheme)
def test_s84_a_fresh_key_is_random_and_long_enough(scheme):
    keys = {SigningKey.fresh(scheme).text for _ in range(20)}

    assert len(keys) == 20
    assert all(len(base64.b64decode(text.partition("_")[2])) >= 24 for text in keys)


def test_s84_what_is_shown_of_an_asymmetric_key_is_not_the_key():
    key = SigningKey.fresh(Scheme.ED25519)

    assert key.shown.startswith("whpk_")
    assert key.text.startswith("whsk_")
    assert key.text.removeprefix("whsk_") not in key.shown


@pytest.mark.parametrize("id", ["evt_1.2", ".", "a."])
def test_s84_an_id_with_a_dot_is_not_signed(id):
    with pytest.raises(ValueError, match="dot"):
        signed_headers(BODY, id=id, at=datetime.now(UTC), keys=[hmac_key()])


def test_nothing_is_sent_unsigned():
    with pytest.raises(ValueError, match="no key"):
        signed()


@given(st.sampled_from(list(Scheme)), st.binary(min_size=0, max_size=80))
def test_a_key_is_read_as_it_was_written_or_refused(scheme, key):
    prefix = {Scheme.HMAC: "whsec_", Scheme.ED25519: "whsk_"}[scheme]
    text = prefix + base64.b64encode(key).decode()
    fits = len(key) == 32 if scheme is Scheme.ED25519 else 24 <= len(key) <= 64

    if fits:
        assert SigningKey.of(text).text == text
    else:
        with pytest.raises(ValueError, match="bytes"):
            SigningKey.of(text)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_*", "whsk_AAA", "whpk_" + "A" * 44, "abc"])
def test_what_is_no_key_is_refused_and_not_repeated(text):
    with pytest.raises(ValueError, match=r"."):
        SigningKey.of(text)


def test_a_key_is_in_no_printout():
    for scheme in Scheme:
        key = SigningKey.fresh(scheme)
        assert key.text not in repr(key)
        assert repr(key.key) not in repr(key)
