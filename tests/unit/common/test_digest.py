"""A digest of files tells any change of them, and is counted as it always was."""

from pathlib import Path

import pytest

from common.digest import digest_of


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = [tmp_path / "a.yml", tmp_path / "b" / "c.yml"]
    for file in found:
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"- {file.name}\n")
    return found


def test_it_is_what_databases_hold_from_before(files: list[Path], tmp_path: Path) -> None:
    kept = "4470fa4d8efa8dd6757039bb603355cb666c7ad2525c0330b4537d9693cf73ee"

    assert digest_of(files, below=tmp_path) == kept


def test_no_part_of_a_name_is_taken_for_content(tmp_path: Path) -> None:
    one, other = tmp_path / "a", tmp_path / "ab"
    one.write_text("b")
    other.write_text("")

    assert digest_of([one], below=tmp_path) != digest_of([other], below=tmp_path)
