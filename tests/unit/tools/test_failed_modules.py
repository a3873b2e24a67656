"""What CI tries again of real machines: a module's tests build on each other."""

import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[3] / "tools" / "failed_modules.py"


def named_by(kept: Path) -> str:
    words = (sys.executable, str(TOOL), str(kept))
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_of_tests_that_failed_their_whole_modules_are_tried_again(tmp_path: Path) -> None:
    kept = tmp_path / "lastfailed"
    failed = ("tests/e2e/test_b.py::test_two", "tests/e2e/test_a.py", "tests/e2e/test_b.py::t[1]")
    kept.write_text(json.dumps(dict.fromkeys(failed, True)))

    assert named_by(kept) == "tests/e2e/test_a.py\ntests/e2e/test_b.py\n"


def test_where_nothing_is_known_of_failures_nothing_is_named(tmp_path: Path) -> None:
    assert named_by(tmp_path / "none") == ""
