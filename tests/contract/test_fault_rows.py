"""The page of faults and the tests that are collected name the same tests, row by row."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reference/hypervisor-faults.md"
ROWS = [f"F{number}" for number in range(20, 37)]
NAMED = re.compile(r"test_(f(?:2\d|3[0-6]))_\w+")
HEADING = re.compile(r"## (F\d\d): ")
FILE = re.compile(r"`(tests/\S+\.py)`")
ITEM = re.compile(r"- `(test_\w+)`")

Named = tuple[str, str, str]  # row, file, test


def told() -> Iterator[Named]:
    """Return what the page says."""
    row = file = ""
    for line in PAGE.read_text().splitlines():
        if found := HEADING.match(line):
            row, file = found[1], ""
        elif found := FILE.fullmatch(line):
            file = found[1]
        elif found := ITEM.fullmatch(line):
            yield row, file, found[1]


def written() -> Iterator[Named]:
    """Return every test that has a row's id in its name."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found = NAMED.fullmatch(node.name)
                if found:
                    yield found[1].upper(), str(path.relative_to(ROOT)), node.name


def test_every_row_has_its_promise_and_its_tests():
    page = list(told())

    assert HEADING.findall(PAGE.read_text()) == ROWS
    assert {row for row, _, _ in page} == set(ROWS)
    assert len(set(page)) == len(page)


def test_the_page_names_all_tests_of_each_row_and_no_others():
    page, code = set(told()), set(written())

    assert code - page == set(), "write them into docs/reference/hypervisor-faults.md"
    assert page - code == set(), "there are no such tests"


@pytest.mark.timeout(120)
def test_all_tests_that_are_named_are_collected():
    page = set(told())
    files = sorted({file for _, file, _ in page})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]

    listed = subprocess.run(
        [*command, *files], cwd=ROOT, capture_output=True, text=True, check=True
    )

    ids = (line.partition("[")[0].split("::") for line in listed.stdout.splitlines())
    collected = {(parts[0], parts[-1]) for parts in ids if len(parts) > 1}
    assert {(file, test) for _, file, test in page} - collected == set()
