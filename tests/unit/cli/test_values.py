"""Settings from the command line: typed, or held by a file so that nobody sees them pass."""

import io
from pathlib import Path

import pytest

from yard_cli.commands.values import LARGEST, typed
from yard_cli.failure import Failure


def test_a_value_may_hold_equals_signs_and_be_empty():
    assert typed(["motd=a=b", "password="], []) == [("motd", "a=b"), ("password", "")]


@pytest.mark.parametrize("setting", ["canary", "=canary"])
def test_what_is_no_setting_is_refused_and_not_repeated(setting: str):
    with pytest.raises(Failure) as refused:
        typed([setting], [])

    assert "canary" not in refused.value.reason
    assert refused.value.remedy


def test_a_value_is_what_a_file_holds_without_the_end_of_its_last_line(tmp_path: Path):
    path = tmp_path / "password"
    path.write_bytes(b"line one\nline two\r\n")

    assert typed([], [f"password={path}"]) == [("password", "line one\nline two")]


def test_a_value_may_come_by_standard_input(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"geheim\n")))

    assert typed(["motd=Hi"], ["password=-"]) == [("motd", "Hi"), ("password", "geheim")]


def test_standard_input_is_one_settings_value():
    with pytest.raises(Failure):
        typed([], ["a=-", "b=-"])


@pytest.mark.parametrize("data", [None, b"\xff\xfe", b"x" * (LARGEST + 1)])
def test_a_file_that_cannot_be_a_value_is_refused(tmp_path: Path, data: bytes | None):
    path = tmp_path / "value"
    if data is not None:
        path.write_bytes(data)

    with pytest.raises(Failure) as refused:
        typed([], [f"password={path}"])

    assert str(path) in refused.value.reason
