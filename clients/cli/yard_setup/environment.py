"""The virtual environment of a clone: whether it is complete, and making it so.

It is complete when it holds copies of the locks it was made from and, written last of all, the
name of the folder it was made in: a set-up cut off anywhere is done again by the next start.
"""

import os
import re
import shutil
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from yard_setup.failure import SetupFailed, explain
from yard_setup.progress import Progress

# The development lock holds everything the other one does; the last of a kit is installed.
LOCKS: Final = {
    "run": ("requirements.lock",),
    "dev": ("requirements.lock", "requirements-dev.lock"),
}
SOURCES: Final = (
    "",
    "libs/common",
    "services/gateway",
    "services/vm-service",
    "services/provisioner",
    "services/log-service",
    "lab",
    "clients/cli",
)
SPACE_NEEDED: Final = 700 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Environment:
    """The virtual environment in the clone at ``root``."""

    root: Path

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.root / ".venv"

    def is_usable(self) -> bool:
        """Tell whether it was completed once, in this place (its scripts name their folder)."""
        made_in = self.folder / "made-in"
        return (
            (self.folder / "bin" / "python").exists()
            and made_in.is_file()
            and made_in.read_text() == f"{self.root}\n"
        )

    def is_complete(self, kit: str) -> bool:
        """Tell whether it was completed from the locks as they are now."""
        return self.is_usable() and all(map(self._holds, LOCKS[kit]))

    def complete(self, kit: str) -> None:
        """Make it, or bring it up to date."""
        self._check_room()
        newest = self.root / LOCKS[kit][-1]
        progress = Progress(total=packages_in(newest))
        if not self.is_usable():
            progress.say("making the Python environment in .venv (once, about a minute)")
            self._make_empty()
        (self.folder / "made-in").unlink(missing_ok=True)
        self._install(newest, progress=progress)
        self._write_paths()
        for lock in LOCKS[kit]:
            _write_durably(self.folder / lock, (self.root / lock).read_bytes())
        _write_durably(self.folder / "made-in", f"{self.root}\n".encode())
        progress.end("the Python environment is ready")

    def _holds(self, lock: str) -> bool:
        copy = self.folder / lock
        return copy.is_file() and copy.read_bytes() == (self.root / lock).read_bytes()

    def _check_room(self) -> None:
        if not os.access(self.root, os.W_OK):
            raise SetupFailed(
                f"the folder {self.root} cannot be written to",
                "clone the project into a folder of your own",
            )
        free = shutil.disk_usage(self.root).free
        if free < SPACE_NEEDED and not self.is_usable():
            raise SetupFailed(
                f"only {free // 1024**2} MB are free in {self.root}; set-up needs 700 MB",
                "free some space, or clone the project onto a larger disk",
            )

    def _make_empty(self) -> None:
        try:
            venv.create(self.folder, clear=True, with_pip=True, symlinks=True)
        except (subprocess.CalledProcessError, OSError) as error:
            raise SetupFailed(
                f"the virtual environment cannot be made: {error}",
                "on Debian or Ubuntu: apt-get install python3-venv; then start again",
            ) from error

    def _install(self, lock: Path, *, progress: Progress) -> None:
        setup_log = self.folder / "setup.log"
        command = [
            *(str(self.folder / "bin" / "python"), "-m", "pip", "install", "-r", str(lock)),
            *("--require-hashes", "--no-deps", "--progress-bar", "off", "--no-input"),
            "--disable-pip-version-check",
        ]
        with (
            setup_log.open("w") as log,
            subprocess.Popen(  # noqa: S603  our own interpreter, our own lock
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            ) as pip,
        ):
            assert pip.stdout is not None
            for line in pip.stdout:
                log.write(line)
                progress.follow_pip(line)
        if pip.returncode != 0:
            raise explain(setup_log)

    def _write_paths(self) -> None:
        [packages] = (self.folder / "lib").glob("python3.*/site-packages")
        paths = "".join(f"{self.root / source}\n" for source in SOURCES)
        (packages / "spawnyard.pth").write_text(paths)


def packages_in(lock: Path) -> int:
    """Count what a lock installs on this kind of machine."""
    return len(re.findall(r"^[a-z0-9][^=\n]*==(?!.*win32)", lock.read_text(), re.MULTILINE))


def _write_durably(target: Path, content: bytes) -> None:
    draft = target.with_suffix(".draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(target)
