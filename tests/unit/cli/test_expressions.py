"""An expression that is held against players' words is exact, and quick whatever they are."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yard_cli.catalogue.expressions import flaws


@pytest.mark.parametrize(
    "expression",
    [
        r"^done$",
        r"^\[[0-9:]{8}\] \[Server thread/INFO\]: Done \([0-9.]{1,9}s\)! For help, type .{0,40}$",
        r"^(?P<player>.+?) has (joined|left)\.$",
        r"^[^ ]+ [^ ]+ .*$",
        r"^(NO LOG FILE! - )?\[[0-9: -]+ INFO\] Server started\.$",
        r"^(?:[0-9]{3}\.){3}x$",
    ],
)
def test_what_is_anchored_and_decides_at_once_is_fine(expression: str):
    assert list(flaws(expression)) == []


@pytest.mark.parametrize(
    ("expression", "flaw"),
    [
        ("[", "no regular expression"),
        ("", "anchored"),
        ("^", "anchored"),
        ("done$", "anchored"),
        ("^done", "anchored"),
        ("^done|ready$", "anchored"),
        (r"^(a)\1$", "RE2"),
        (r"^(?=a)a$", "RE2"),
        (r"^(?<!a)b$", "RE2"),
        (r"^(?>a)$", "RE2"),
        (r"^a?+b$", "RE2"),
        (r"^(a+)+$", "repeats a group"),
        (r"^(a|b+)*$", "repeats a group"),
        (r"^(ab|ab){9}$", "repeats a group"),
        (r"^(?:[0-9]{1,3}\.){3}$", "repeats a group"),
        (r"^a*a*b$", "endless"),
        (r"^.*x.*y$", "endless"),
        (r"^x(?:a*|b)a*$", "endless"),
        (r"^\w{1,99}\w{1,99}\w{1,99}$", "too many"),
        ("^" + "(a|ab)" * 14 + "$", "too many"),
    ],
)
def test_what_is_not_is_told(expression: str, flaw: str):
    assert any(flaw in told for told in flaws(expression))


PIECES = st.sampled_from(["a", "b", "[ab]", "[^a]", ".", r"\w", r"\d", "1", "(?:a|b)", " "])
COUNTS = st.sampled_from(["", "*", "+", "?", "{1,9}", "*?", "{2}"])
EXPRESSIONS = st.lists(st.tuples(PIECES, COUNTS).map("".join), max_size=6).map("".join)


@settings(max_examples=60, deadline=None)
@given(EXPRESSIONS, st.text("ab1 ", max_size=4))
def test_what_passes_never_hangs(inside: str, unit: str):
    expression = f"^{inside}$"
    if not list(flaws(expression)):
        re.search(expression, unit * 2_000 + "!")
