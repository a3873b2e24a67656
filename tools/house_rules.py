"""The house's own rules, those that no linter has: each a walk over the syntax trees."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PRODUCT: Final = ("libs", "services")
BUCKETS: Final = re.compile(r"^(utils?|helpers?|misc|managers?|base_.*)\.py$")
# Assembled from halves, so that this file does not break its own rule.
HOSTS: Final = re.compile(
    "|".join((r"pypi\." + "org", "pythonhosted" + r"\.org", r"deb\.debian" + r"\.org",
              r"security\.debian" + r"\.org", "registry" + r"\.npmjs\.org"))
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule broken in one place."""

    path: Path
    line: int
    rule: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.rule}"


def tracked(*suffixes: str) -> list[Path]:
    """Return the files git knows or would know, with one of these endings."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    paths = (ROOT / name for name in listed.stdout.splitlines())
    return [p for p in paths if p.is_file() and (not suffixes or p.suffix in suffixes)]


def breaches_of_code(path: Path, games: re.Pattern[str] | None) -> Iterator[Breach]:
    """Find what a product's module must not do."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 1)
        if _reads_environment(node) and path.name != "settings.py":
            yield Breach(path, line, "the environment is read in settings.py alone")
        if _calls(node, "commit") and "db" not in path.parts:
            yield Breach(path, line, "the unit of work commits, nobody else")
        if _calls(node, "publish") and "messaging" not in path.parts:
            yield Breach(path, line, "the relay and the log writer publish, nobody else")
        if games is not None and isinstance(node, ast.Constant) and _names(games, node.value):
            yield Breach(path, line, "games are data: no game is named in Python")
    if BUCKETS.match(path.name):
        yield Breach(path, 1, "a module is a noun of the domain, not a bucket")


def _reads_environment(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}


def _calls(node: ast.AST, name: str) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == name
    )


def _names(games: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and games.fullmatch(value) is not None


def breaches_of_text(path: Path) -> Iterator[Breach]:
    """Find what no file may hold: registry hosts, marks of unfinished work."""
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        return
    for number, line in enumerate(text.splitlines(), 1):
        if HOSTS.search(line):
            yield Breach(path, number, "no registry's host name")
        if re.search(r"\b(TODO|FIX" + r"ME|XXX)\b", line) and path.name != "house_rules.py":
            yield Breach(path, number, "no unfinished work is left marked in the tree")


def game_names() -> re.Pattern[str] | None:
    """Match the ids of all games, whole; query protocols may share a game's name."""
    ids = [p.parent.name for p in (ROOT / "playbooks/games").glob("*/game.yml")]
    protocols = {"luanti", "teeworlds"}
    names = [re.escape(name) for name in ids if name not in protocols]
    return re.compile("|".join(names)) if names else None


def main() -> int:
    """Print every breach; return 1 if there is one."""
    games = game_names()
    code = [p for p in tracked(".py") if p.relative_to(ROOT).parts[0] in PRODUCT]
    found = [b for path in code for b in breaches_of_code(path, games)]
    skipped = {".lock", ".gz", ".jsonl", ".png"}
    found += [b for p in tracked() if p.suffix not in skipped for b in breaches_of_text(p)]
    for breach in found:
        print(breach)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
