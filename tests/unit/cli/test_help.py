"""What somebody reads who has never used it."""

import re

import pytest
from typer.testing import CliRunner

from yard_cli.bench import MEANINGS
from yard_cli.main import command_line


def told(*words: str) -> str:
    """Return a help page as one line without its frames."""
    shown = CliRunner().invoke(command_line(), [*words, "--help"], env={"COLUMNS": "100"})
    assert shown.exit_code == 0
    plain = re.sub(r"\x1b\[[0-9;]*m|[│╭╮╰╯─]", "", shown.output)
    return re.sub(r"\s+", " ", plain)


def test_what_can_be_deployed_stands_before_how() -> None:
    page = told()

    places = [page.index(f" {line}") for line in ("games What", "deploy Ask", "servers List")]
    assert places == sorted(places)


def test_panels_stand_in_the_order_in_which_they_are_needed() -> None:
    panels = ("On this machine", "Servers", "What is being done", "For administrators")
    page = told()

    places = [page.index(panel) for panel in panels]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        (("games",), "./yard games GAME"),
        (("template",), "./yard lab template"),
        (("demo",), "./yard games"),
        (("up",), "data/vm"),
        (("up",), "./yard lab template --check"),
        (("deploy",), "--set-file"),
    ],
)
def test_a_page_names_what_one_looks_for_next(words: tuple[str, ...], needed: str) -> None:
    assert needed in told(*words)


def test_each_bench_is_told_with_what_it_measures() -> None:
    page = told("bench")

    for name, meaning in MEANINGS.items():
        assert f"{name} {meaning}" in page
