"""A guest's disk at a moment, kept beside it: the state file and the large contents it names."""

import os
import shutil
from pathlib import Path

from proxmox_lab.guests.simulated.model.saved import BLOBS, STATE, switch_off

SNAPSHOTS = "snapshots"


def keep(directory: Path, name: str) -> None:
    """Note what is on the disk now; the same name again replaces what was noted."""
    forget(directory, name)
    _copy(directory, directory / SNAPSHOTS / name)


def bring_back(directory: Path, name: str) -> None:
    """Put a noted state in the place of the present one, with power off."""
    noted = directory / SNAPSHOTS / name
    if (noted / STATE).exists():
        shutil.rmtree(directory / BLOBS, ignore_errors=True)
        _copy(noted, directory)
        switch_off(directory)


def copy(source: Path, target: Path) -> None:
    """Begin a disk, if it has not begun, with what is on another now."""
    if (source / STATE).exists() and not (target / STATE).exists():
        _copy(source, target)
        switch_off(target)


def forget(directory: Path, name: str) -> None:
    """Delete a noted state."""
    shutil.rmtree(directory / SNAPSHOTS / name, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """State files and large contents are only ever replaced, so the copies may share them."""
    target.mkdir(parents=True, exist_ok=True)
    if (source / BLOBS).exists():
        shutil.copytree(source / BLOBS, target / BLOBS, copy_function=os.link)
    (target / STATE).unlink(missing_ok=True)
    (target / STATE).hardlink_to(source / STATE)
