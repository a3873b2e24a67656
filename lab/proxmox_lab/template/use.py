"""Who uses a template: machines that rest on it are noted in its folder, a running lab holds it.

A note counts for as long as the machine's own folder names the template.
"""

import errno
import fcntl
import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from proxmox_lab.template.built import Template

USERS: Final = "users"
_NAMED: Final = "template"  # in a machine's folder
HELD: Final = ".held"
_NOT_OURS: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT})


def note(template: Template, machine: Path) -> None:
    """Note that the machine in that folder rests on the template, here and there.

    Of a template without such notes nobody knows all who use it. In one that is somebody else's
    none can be left: he is told by ``hold``, for as long as the machine's lab runs.
    """
    try:
        _leave_note(template, machine)
    except OSError as failure:
        if failure.errno not in _NOT_OURS:
            raise
    (machine / _NAMED).write_text(f"{template.directory}\n")


def note_again(template: Template, machine: Path) -> None:
    """Note it where it is looked for, if it can be: the machine's folder may have been moved."""
    with suppress(OSError):
        _leave_note(template, machine)


def forget(machine: Path) -> None:
    """Forget the machine in that folder."""
    if (directory := named_in(machine)) is not None:
        with suppress(OSError):
            _note_of(directory, machine).unlink()
    (machine / _NAMED).unlink(missing_ok=True)


def named_in(machine: Path) -> Path | None:
    """Return the folder of the template that the machine in that folder rests on."""
    try:
        return Path((machine / _NAMED).read_text().strip())
    except OSError:
        return None


def machines_on(template: Template) -> tuple[Path, ...] | None:
    """Return the folders of all machines that rest on it; None: that is not known."""
    notes = template.directory / USERS
    if not notes.is_dir():
        return None
    noted = (Path(note.read_text().strip()) for note in sorted(notes.iterdir()))
    return tuple(machine for machine in noted if named_in(machine) == template.directory)


def hold(template: Template) -> int | None:
    """Keep the template for as long as the descriptor is open that is returned.

    To read is enough for that: the template may be somebody else's.
    """
    try:
        held = os.open(template.directory / HELD, os.O_RDONLY | os.O_CREAT, 0o644)
    except OSError:
        return None
    fcntl.flock(held, fcntl.LOCK_SH)
    return held


@contextmanager
def let_go_by_all(template: Template) -> Generator[bool]:
    """Tell whether nobody holds it; nobody begins to, for as long as the block lasts."""
    try:
        held = os.open(template.directory / HELD, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:  # it is somebody else's
        yield False
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(held)


def _leave_note(template: Template, machine: Path) -> None:
    _note_of(template.directory, machine).write_text(f"{machine.resolve()}\n")


def _note_of(directory: Path, machine: Path) -> Path:
    name = hashlib.sha256(os.fsencode(machine.resolve())).hexdigest()[:16]
    return directory / USERS / name
