"""What games write is understood; what players write that looks like it is not."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

GAMES = Path(__file__).parents[3] / "playbooks" / "games"
FOLDERS = sorted(path.parent for path in GAMES.glob("*/lines.yml"))
NOT_RE2 = re.compile(r"\(\?([=!]|<[=!])|\\[1-9]")
NESTED = re.compile(r"[*+}]\)[*+{]")

pytestmark = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def expressions(folder: Path) -> dict[str, str]:
    manifest: dict[str, Any] = yaml.safe_load((folder / "game.yml").read_text())
    console = manifest.get("players", {}).get("console", {})
    ready = manifest["ready"].get("console")
    return ({"ready": ready} if ready else {}) | console


def lines(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "lines.yml").read_text())


def test_every_expression_understands_what_the_game_writes(folder: Path):
    known = lines(folder)

    for name, expression in expressions(folder).items():
        assert known[name], f"{name}: no example"
        for line in known[name]:
            found = re.search(expression, line)
            assert found, (name, line)
            assert name == "ready" or found["player"] in line


def test_nothing_players_write_is_taken_for_it(folder: Path):
    known = lines(folder)
    kinds = expressions(folder)
    written = [line for name in kinds for line in known[name]]
    spoken = [said.replace("{text}", text) for said in known["said"] for text in tails(written)]

    for name, expression in kinds.items():
        others = [line for kind in kinds if kind != name for line in known[kind]]
        for line in [*spoken, *known.get("spoofs", []), *others]:
            assert not re.search(expression, line), (name, line)


def tails(written: list[str]) -> list[str]:
    """Each line, whole and from each of its words on."""
    words = [line.split(" ") for line in written]
    return [" ".join(line[at:]) for line in words for at in range(len(line))]


def test_expressions_are_anchored_and_of_re2_s_kind(folder: Path):
    for expression in expressions(folder).values():
        assert expression.startswith("^")
        assert expression.endswith("$")
        assert not NOT_RE2.search(expression)
        assert not NESTED.search(expression), "a repeated repetition"


def test_a_long_line_costs_no_time(folder: Path):
    for expression in expressions(folder).values():
        for line in ("a" * 16_000, " " * 16_000, "[1:2] " * 2_500, ": " * 8_000):
            assert not re.search(expression, line)
