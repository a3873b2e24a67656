"""Brings the environment of this clone up to date: ``python -m yard_setup KIT [COMMAND]``."""

import fcntl
import os
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from yard_setup.environment import Environment
from yard_setup.failure import NO_SSH, SetupFailed

ROOT: Final = Path(__file__).resolve().parents[3]
COMMANDS_WITH_SSH: Final = frozenset({"up", "demo", "test", "bench"})


def main(kit: str, command: str = "") -> None:
    """Bring it up to date for ``kit`` (``run`` or ``dev``)."""
    if command in COMMANDS_WITH_SSH and shutil.which("ssh") is None:
        raise SetupFailed(*NO_SSH)
    environment = Environment(ROOT)
    with _alone(ROOT):
        if not environment.is_complete(kit):
            environment.complete(kit)


@contextmanager
def _alone(root: Path) -> Generator[None]:
    """Let one set-up at a time work in this clone; a second one waits for the first."""
    folder = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("yard: another set-up is running in this folder; waiting for it\n")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:3])
    except SetupFailed as failure:
        sys.stderr.write(f"\nyard: {failure}\n  remedy: {failure.remedy}\n")
        sys.exit(3)
    except KeyboardInterrupt:
        sys.exit(130)
