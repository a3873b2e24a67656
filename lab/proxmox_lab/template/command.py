"""Run one command of the build: its lines told as they come, its end ours to the last."""

import os
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from proxmox_lab.template.required_tools import WITH_SYSTEM_FOLDERS

# Told the step, and what is happening in it.
Progress = Callable[[str, str], None]
_KEPT: Final = 8


class CommandFailed(Exception):
    """A command ended badly."""

    def __init__(self, name: str, last_lines: str) -> None:
        super().__init__(f"{name} failed")
        self.name = name
        self.last_lines = last_lines


def run(
    command: Sequence[str],
    folder: Path,
    tell: Callable[[str], None],
    *,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run to the end. If we are interrupted, the command is ended and waited for."""
    last: deque[str] = deque(maxlen=_KEPT)
    with subprocess.Popen(  # noqa: S603 (the recipe's own words)
        (*WITH_SYSTEM_FOLDERS, *command),
        cwd=folder,
        env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                last.append(line.rstrip())
                tell(line.rstrip())
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        raise CommandFailed(Path(command[0]).name, "\n".join(last))
