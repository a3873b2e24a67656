"""Lines that a game's console has really shown: recognised, and never imitated by who plays."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from yard_cli.catalogue.complaint import Complaint
from yard_cli.catalogue.folder import GameFolder

PLACE: Final = "lines.yml"


def line_rules(game: GameFolder) -> Iterator[Complaint]:
    """Hold the manifest's expressions against the lines beside it."""
    expressions = _expressions(game)
    for kind, expression in expressions.items():
        samples: list[str] = game.lines.get(kind) or []
        if not samples:
            yield _at(kind, "shows no line", "copy one that the game has written")
        for line in samples:
            if not re.search(expression, line):
                yield _at(kind, f"is not recognised: {line}", "correct the manifest's expression")
    if expressions:
        yield from _mistaken(game, expressions)
        yield from _imitations(game, expressions)


def _at(kind: str, wrong: str, remedy: str) -> Complaint:
    return Complaint(place=f"{PLACE}/{kind}", wrong=wrong, remedy=remedy)


def _expressions(game: GameFolder) -> Mapping[str, str]:
    ready = game.manifest.get("ready", {})
    found = {"ready": ready["console"]} if "console" in ready else {}
    for variant, blocks in game.manifest.get("variants", {"of": {}})["of"].items():
        if "console" in blocks.get("ready", {}):
            found |= {f"ready-{variant}": blocks["ready"]["console"]}
    return found | game.manifest.get("players", {}).get("console", {})


def _mistaken(game: GameFolder, expressions: Mapping[str, str]) -> Iterator[Complaint]:
    """Find lines that one expression takes for its own and that are another's, or nobody's."""
    for kind, expression in expressions.items():
        for other in (*expressions, "spoofs"):
            lines: list[str] = game.lines.get(other) or []
            for line in lines if other != kind else []:
                if re.search(expression, line):
                    yield _at(other, f"is taken for {kind}: {line}", "narrow the expression")


def _imitations(game: GameFolder, expressions: Mapping[str, str]) -> Iterator[Complaint]:
    """Let a player say every line, whole and from each of its words on."""
    said: list[str] = game.lines.get("said") or []
    if not said or not all("{text}" in one for one in said):
        yield _at("said", "shows no line of chat", "copy one, with {text} for what was said")
        return
    for kind, expression in expressions.items():
        lines: list[str] = game.lines.get(kind) or []
        for line in lines:
            words = line.split(" ")
            texts = [" ".join(words[place:]) for place in range(len(words))]
            spoken = [one.replace("{text}", text) for one in said for text in texts]
            if any(re.search(expression, one) for one in spoken):
                wrong = "can be imitated by a player who says it"
                yield _at(kind, wrong, "anchor the expression to what only the game writes")
                break
