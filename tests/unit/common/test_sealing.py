"""What is sealed opens at its place, with its key, unchanged; and not otherwise."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from common.contracts.sealed import is_sealed, mapped, packed, unpacked
from common.security.sealing import (
    CannotOpen,
    Sealing,
    UnusableSealingKey,
    new_key_line,
    read_sealing,
)

OLD, NEW = b"o" * 32, b"n" * 32
SEALING = Sealing((OLD,))
PLACE = {"server_id": "srv_1", "pointer": "/password"}


@given(st.binary(max_size=300), st.text(max_size=20), st.text(max_size=20))
def test_any_bytes_come_back_at_their_place(data: bytes, server_id: str, pointer: str) -> None:
    envelope = SEALING.seal(data, server_id=server_id, pointer=pointer)

    assert is_sealed(envelope)
    assert envelope.isascii()
    assert SEALING.open(envelope, server_id=server_id, pointer=pointer) == data


def test_no_two_envelopes_are_alike_and_none_shows_its_content() -> None:
    envelopes = {SEALING.seal(b"canary-77", **PLACE) for _ in range(100)}

    assert len(envelopes) == 100
    for envelope in envelopes:
        body = base64.urlsafe_b64decode(envelope.rpartition(":")[2])
        assert b"canary" not in body


@pytest.mark.parametrize(
    "place",
    [
        {"server_id": "srv_2", "pointer": "/password"},
        {"server_id": "srv_1", "pointer": "/rcon"},
        {"server_id": "srv_1/", "pointer": "password"},
        {"server_id": 'srv_1", "/password', "pointer": ""},
    ],
)
def test_moved_to_another_server_or_field_it_does_not_open(place: dict[str, str]) -> None:
    envelope = SEALING.seal(b"geheim", **PLACE)

    with pytest.raises(CannotOpen, match="another server or field"):
        SEALING.open(envelope, **place)


def test_without_its_key_it_does_not_open_and_the_key_is_named() -> None:
    envelope = SEALING.seal(b"geheim", **PLACE)
    key_id = envelope.split(":")[2]

    with pytest.raises(CannotOpen, match=key_id):
        Sealing((NEW,)).open(envelope, **PLACE)


def test_after_a_rotation_the_new_key_seals_and_both_open() -> None:
    before = SEALING.seal(b"geheim", **PLACE)
    rotated = Sealing((NEW, OLD))

    after = rotated.seal(b"geheim", **PLACE)

    assert rotated.open(before, **PLACE) == rotated.open(after, **PLACE) == b"geheim"
    assert Sealing((NEW,)).open(after, **PLACE) == b"geheim"
    assert rotated.fingerprint(b"x") == SEALING.fingerprint(b"x")


def test_every_single_changed_character_is_noticed() -> None:
    envelope = SEALING.seal(b"geheim", **PLACE)

    for place in range(len(envelope)):
        for other in "A", "b", "0", ":":
            changed = envelope[:place] + other + envelope[place + 1 :]
            if changed != envelope:
                with pytest.raises(CannotOpen):
                    SEALING.open(changed, **PLACE)


@pytest.mark.parametrize(
    "change",
    [
        lambda envelope: envelope[:-4],
        lambda envelope: envelope + "\n",
        lambda envelope: envelope + "AAAA",
        lambda envelope: envelope.rpartition(":")[0] + ":AAAA",
        lambda envelope: envelope.rpartition(":")[0] + ":A",
        lambda envelope: envelope.rpartition(":")[0] + ":",
        lambda envelope: envelope.replace("v1", "v2"),
        lambda _: "sealed:",
        lambda _: "geheim",
    ],
)
def test_what_is_no_whole_envelope_is_refused(change: Callable[[str], str]) -> None:
    with pytest.raises(CannotOpen):
        SEALING.open(change(SEALING.seal(b"geheim", **PLACE)), **PLACE)


@given(st.text(max_size=80))
def test_any_text_is_opened_or_refused_clearly(text: str) -> None:
    with pytest.raises(CannotOpen):
        SEALING.open(f"sealed:v1:{text}", **PLACE)


def test_a_fingerprint_tells_data_apart_and_nothing_without_the_key() -> None:
    assert SEALING.fingerprint(b"a") == SEALING.fingerprint(b"a")
    assert SEALING.fingerprint(b"a") != SEALING.fingerprint(b"b")
    assert SEALING.fingerprint(b"a") != Sealing((NEW,)).fingerprint(b"a")


def test_nothing_shows_a_key() -> None:
    assert "oooo" not in repr(SEALING)


class TestKeyFile:
    def file(self, tmp_path: Path, text: str, *, mode: int = 0o600) -> Path:
        path = tmp_path / "sealing.key"
        path.write_text(text)
        path.chmod(mode)
        return path

    def test_the_first_key_seals_and_all_open(self, tmp_path: Path) -> None:
        lines = [new_key_line(), new_key_line()]
        both = read_sealing(self.file(tmp_path, "".join(lines)))
        first = read_sealing(self.file(tmp_path, lines[0]))
        second = read_sealing(self.file(tmp_path, lines[1]))

        assert first.open(both.seal(b"x", **PLACE), **PLACE) == b"x"
        assert both.open(second.seal(b"x", **PLACE), **PLACE) == b"x"

    @pytest.mark.parametrize(
        "text", ["", "\n", "canary-77\n", "Y2FuYXJ5LTc3\n", "ä\n", new_key_line() + "canary-77\n"]
    )
    def test_what_is_no_key_is_refused_without_repeating_it(
        self, tmp_path: Path, text: str
    ) -> None:
        with pytest.raises(UnusableSealingKey) as refused:
            read_sealing(self.file(tmp_path, text))

        assert "canary" not in str(refused.value)

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UnusableSealingKey, match="nowhere"):
            read_sealing(tmp_path / "nowhere")

    def test_a_file_open_to_everybody_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UnusableSealingKey, match="chmod 600"):
            read_sealing(self.file(tmp_path, new_key_line(), mode=0o604))


class TestPlacesOfEnvelopes:
    def test_each_is_found_by_its_pointer_and_nothing_else_is_touched(self) -> None:
        value: JsonValue = {
            "a": "sealed:1", "b/c~d": ["x", {"e": "sealed:2"}], "f": "not sealed:", "g": 7,
        }  # fmt: skip

        found = mapped(value, lambda envelope, pointer: f"{pointer}={envelope}")

        assert found == {
            "a": "/a=sealed:1", "b/c~d": ["x", {"e": "/b~1c~0d/1/e=sealed:2"}],
            "f": "not sealed:", "g": 7,
        }  # fmt: skip

    @pytest.mark.parametrize("value", ["geheim\x00ä", 7, 1.5, True, None, ["a", {"b": 1}]])
    def test_a_value_of_any_type_is_packed_and_unpacked(self, value: JsonValue) -> None:
        assert unpacked(packed(value)) == value
