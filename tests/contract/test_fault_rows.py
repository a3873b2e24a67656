"""The pages of faults and the tests that are collected name the same tests, row by row."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = "docs/reference"
PAGES = {
    "hypervisor-faults.md": [f"F{number}" for number in range(20, 37)],
    "webhook-faults.md": [
        *(f"F{number}" for number in (*range(60, 69), 70)),
        *(f"S{number}" for number in range(84, 88)),
    ],
}
NAMED = re.compile(r"test_((?:[fs]\d\d_)+)\w+")  # some hold two rows at once
HEADING = re.compile(r"## ([FS]\d\d): ")
FILE = re.compile(r"`(tests/\S+\.py)`")
ITEM = re.compile(r"- `(test_\w+)`")

Named = tuple[str, str, str]  # row, file, test


def told(page: str) -> Iterator[Named]:
    """Return what a page says."""
    row = file = ""
    for line in (ROOT / FOLDER / page).read_text().splitlines():
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
                for row in found[1].upper().strip("_").split("_") if found else ():
                    yield row, str(path.relative_to(ROOT)), node.name


@pytest.mark.parametrize("page", PAGES)
def test_every_row_has_its_promise_and_its_tests(page: str):
    named = list(told(page))

    assert HEADING.findall((ROOT / FOLDER / page).read_text()) == PAGES[page]
    assert {row for row, _, _ in named} == set(PAGES[page])
    assert len(set(named)) == len(named)


@pytest.mark.parametrize("page", PAGES)
def test_the_page_names_all_tests_of_each_row_and_no_others(page: str):
    named = set(told(page))
    code = {test for test in written() if test[0] in PAGES[page]}

    assert code - named == set(), f"write them into {FOLDER}/{page}"
    assert named - code == set(), "there are no such tests"


@pytest.mark.timeout(120)
def test_all_tests_that_are_named_are_collected():
    named = {test for page in PAGES for test in told(page)}
    files = sorted({file for _, file, _ in named})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]

    listed = subprocess.run(
        [*command, *files], cwd=ROOT, capture_output=True, text=True, check=True
    )

    ids = (line.partition("[")[0].split("::") for line in listed.stdout.splitlines())
    collected = {(parts[0], parts[-1]) for parts in ids if len(parts) > 1}
    assert {(file, test) for _, file, test in named} - collected == set()
