"""Name the modules of tests that failed in the last run, one a line; none if that is not known."""

import json
import sys
from pathlib import Path


def failed_modules(kept: Path) -> list[str]:
    """Return them by name; pytest keeps the names of tests."""
    try:
        failed: dict[str, bool] = json.loads(kept.read_text())
    except FileNotFoundError:
        return []
    return sorted({test.partition("::")[0] for test in failed})


if __name__ == "__main__":
    for module in failed_modules(Path(sys.argv[1])):
        sys.stdout.write(f"{module}\n")
