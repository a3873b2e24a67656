"""The folder in which templates are kept: one at work in it, nothing half-built left in it."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from proxmox_lab.template.built import Template, load_template
from proxmox_lab.template.command import Progress
from proxmox_lab.template.use import HELD, USERS

_WORK: Final = ".building-"


class CannotBuild(Exception):
    """The template cannot be made here; ``remedy`` says what would help."""

    def __init__(self, reason: str, *, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


@contextmanager
def alone_in(cache: Path, progress: Progress) -> Generator[None]:
    """Keep other builders out for as long as the block lasts."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting", "another process builds in this cache")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def work_folder(cache: Path) -> Generator[Path]:
    """Lend a folder beside the templates; what an earlier builder left behind goes first."""
    clear_leftovers(cache)
    work = Path(tempfile.mkdtemp(prefix=_WORK, dir=cache))
    try:
        yield work
    finally:
        _remove_tree(work)


def clear_leftovers(cache: Path) -> None:
    """Remove what was cut off while it was made, or removed."""
    for leftover in cache.glob(f"{_WORK}*"):
        _remove_tree(leftover)


def refuse_without_room(cache: Path, mib: int) -> None:
    """Raise ``CannotBuild`` if the folder's disk has less room than that."""
    free = shutil.disk_usage(cache).free >> 20
    if free < mib:
        raise CannotBuild(
            f"{cache} has {free} MiB free, {mib} are needed",
            remedy="make room, or choose another folder by --cache",
        )


def publish(finished: Path, place: Path) -> Template:
    """Put a finished template, mark and all, where it is found."""
    (finished / USERS).mkdir()
    (finished / HELD).touch(0o644)
    shutil.rmtree(place, ignore_errors=True)
    finished.rename(place)
    template = load_template(place)
    assert template is not None
    return template


def remove(place: Path) -> None:
    """Remove a template: at once it is none any more."""
    going = place.with_name(f"{_WORK}{place.name}")
    place.rename(going)
    _remove_tree(going)


def _remove_tree(work: Path) -> None:
    """Remove it although a tree unpacked by an ordinary user has folders closed to him."""
    for folder, names, _ in os.walk(work):
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(work, ignore_errors=True)
