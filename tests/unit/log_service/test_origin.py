"""Only our own pages and those an operator named may read logs in a browser."""

import pytest

from log_service.api.origin import is_welcome

ALLOWED = ("https://panel.example", "http://localhost:5173")


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        (None, True),
        ("https://panel.example", True),
        ("http://localhost:5173", True),
        ("http://logs.example:8083", True),
        ("https://evil.example", False),
        ("https://panel.example.evil.example", False),
        ("https://panel.example:444", False),
        ("http://panel.example", False),
        ("null", False),
        ("", False),
        ("http://logs.example:8083@evil.example", False),
    ],
)
def test_origins_are_compared_whole(origin: str | None, welcome: bool):
    assert is_welcome(origin, host="logs.example:8083", allowed=ALLOWED) is welcome


def test_without_a_host_only_the_list_counts():
    assert not is_welcome("", host=None, allowed=ALLOWED)
    assert not is_welcome("", host="", allowed=ALLOWED)
