"""The starts of a guest: each has a folder of its own, by which a living one is found again.

A second QEMU for the same guest would take over the first one's sockets before it dies on the
disk's lock; with a folder per start it cannot.
"""

import hashlib
import json
import os
import secrets
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from proxmox_lab.guests.port import GuestFailure, Reach, ReachedPort
from proxmox_lab.guests.qemu.command import RunFiles
from proxmox_lab.guests.qemu.process import kill, lives, wait_until_gone

_REACH: Final = "reach.json"
_UNFINISHED: Final = "unfinished"
_KILL_SECONDS: Final = 5.0
# A Unix socket's path has at most 107 bytes; "/12345678/qmp.sock" comes behind the folder.
_LONGEST_FOLDER: Final = 85


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A living QEMU of one guest."""

    pid: int
    files: RunFiles
    reach: Reach
    began: float  # wall clock

    @property
    def alive(self) -> bool:
        return lives(self.pid, self.files.folder)


class Runs:
    """All starts of the guest that lives in one folder."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._folder = _short(directory / "run")

    def prepare(self, reach: Reach, *, unfinished: bool = False) -> RunFiles:
        """Make the folder of a new start; the guest's last reach is kept in it.

        An ``unfinished`` start is not found alive before it is finished: half is as good as none.
        """
        for old in self._all():
            if self._read(old) is None:
                shutil.rmtree(old, ignore_errors=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if self._folder.stat().st_uid != os.geteuid():
            raise GuestFailure(f"{self._folder} belongs to somebody else")
        folder = self._folder / secrets.token_hex(4)
        folder.mkdir(mode=0o700)
        if unfinished:
            (folder / _UNFINISHED).touch()
        (folder / _REACH).write_text(json.dumps(asdict(reach)))
        if not unfinished:
            (self._directory / _REACH).write_text(json.dumps(asdict(reach)))
        return self._files(folder)

    def finish(self, run: Run) -> None:
        """Declare an unfinished start whole."""
        (self._directory / _REACH).write_text(json.dumps(asdict(run.reach)))
        (run.files.folder / _UNFINISHED).unlink(missing_ok=True)

    def find(self, files: RunFiles) -> Run | None:
        """Return this start, finished or not, if it is alive."""
        return self._read(files.folder)

    def find_alive(self) -> Run | None:
        """Return the start that is alive and finished."""
        whole = (folder for folder in self._all() if not (folder / _UNFINISHED).exists())
        return next((run for folder in whole if (run := self._read(folder))), None)

    async def end_unfinished(self) -> bool:
        """End what was left half started; tell whether there was any."""
        left = [folder for folder in self._all() if (folder / _UNFINISHED).exists()]
        for folder in left:
            run = self._read(folder)
            if run is not None:
                kill(run.pid, folder)
                await wait_until_gone(run.pid, folder, _KILL_SECONDS)
            shutil.rmtree(folder, ignore_errors=True)
        return bool(left)

    def last_reach(self) -> Reach | None:
        """Return from where the guest is, or was last, reached."""
        return _load_reach(self._directory / _REACH)

    def forget(self) -> None:
        """Remove the folders of all starts."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _all(self) -> list[Path]:
        return sorted(self._folder.iterdir()) if self._folder.is_dir() else []

    def _files(self, folder: Path) -> RunFiles:
        return RunFiles(
            disk=self._directory / "disk.qcow2", seed=self._directory / "seed.iso", folder=folder
        )

    def _read(self, folder: Path) -> Run | None:
        files = self._files(folder)
        try:
            pid = int(files.pid.read_text())
            began = files.pid.stat().st_mtime
        except (OSError, ValueError):
            return None
        reach = _load_reach(folder / _REACH)
        if reach is None or not lives(pid, folder):
            return None
        return Run(pid=pid, files=files, reach=reach, began=began)


def _load_reach(path: Path) -> Reach | None:
    try:
        told: dict[str, Any] = json.loads(path.read_text())
        ports = tuple(ReachedPort(**port) for port in told.pop("ports"))
        return Reach(**told, ports=ports)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _short(folder: Path) -> Path:
    """Return the folder, or where its path is too long for sockets, one that stands for it."""
    folder = folder.absolute()
    if len(os.fsencode(folder)) <= _LONGEST_FOLDER:
        return folder
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"lab-{os.geteuid()}-{name}"
