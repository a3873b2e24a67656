"""No line can move the cursor, ring the bell or pretend to be another line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from log_service.domain.text import harmless


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünï 漢字 🎮", "plain ünï 漢字 🎮"),
        ("a\tb", "a\tb"),
        ("\x1b[1;32mok\x1b[0m", "\x1b[1;32mok\x1b[0m"),
        ("done\r\n", "done"),
        ("clear \x1b[2J", "clear ␛[2J"),
        ("title \x1b]0;x\x07", "title ␛]0;x␇"),
        ("one\ntwo", "one␊two"),
        ("10 %\r20 %", "10 %␍20 %"),
        ("nul \x00", "nul ␀"),
        ("del \x7f", "del ␡"),
        ("c1 \x9b2J", "c1 \ufffd2J"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
    ],
)
def test_controls_are_shown_instead_of_obeyed(text: str, shown: str):
    assert harmless(text) == shown


@given(st.text())
def test_nothing_dangerous_is_left_and_twice_is_once(text: str):
    shown = harmless(text)

    assert harmless(shown) == shown
    assert not any(mark in shown for mark in "\x00\x07\x08\r\n\x7f\x9b\u202e\u2028")
