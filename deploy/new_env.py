"""Make ``.env`` from ``.env.example``, every secret a fresh one. Needs Python alone."""

import os
import secrets
import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
PLACEHOLDER: Final = "secret"
NAME_PLACEHOLDER: Final = "a-name-of-its-own"


def filled(example: str) -> str:
    """Return the example with a fresh secret or name in every place meant for one."""
    lines = (_filled_line(line) for line in example.splitlines())
    return "\n".join(lines) + "\n"


def _filled_line(line: str) -> str:
    name, _, value = line.partition("=")
    if value == NAME_PLACEHOLDER:
        return f"{name}=yard-{secrets.token_hex(3)}"
    return f"{name}={secrets.token_hex(24)}" if value == PLACEHOLDER else line


def main(target: Path) -> int:
    """Write it, readable by its owner alone; never over one that is there."""
    try:
        file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.stderr.write(f"{target} is there already; its databases know its passwords\n")
        return 1
    with os.fdopen(file, "w") as opened:
        opened.write(filled((HERE / ".env.example").read_text()))
    sys.stdout.write(f"{target} written; the setup token in it makes the first user\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(HERE / ".env"))
