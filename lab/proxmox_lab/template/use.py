"""Who uses a template: machines that rest on it are noted in its folder, a running lab holds it.

A note counts for as long as the machine's own folder names the template.
"""

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
_HELD: Final = ".held"


def note(template: Template, machine: Path) -> None:
    """Note that the machine in that folder rests on the template, here and there."""
    note_again(template, machine)
    (machine / _NAMED).write_text(f"{template.directory}\n")


def note_again(template: Template, machine: Path) -> None:
    """Note it where it is looked for: the machine's folder may have been moved.

    Of a template without such notes nobody knows all who use it. Nor do notes matter in a folder
    that cannot be written to: it cannot be pruned either.
    """
    with suppress(OSError):
        _note_of(template.directory, machine).write_text(f"{machine.resolve()}\n")


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
    """Keep the template for as long as the descriptor is open that is returned."""
    try:
        held = os.open(template.directory / _HELD, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None
    fcntl.flock(held, fcntl.LOCK_SH)
    return held


@contextmanager
def let_go_by_all(template: Template) -> Generator[bool]:
    """Tell whether nobody holds it; nobody begins to, for as long as the block lasts."""
    try:
        held = os.open(template.directory / _HELD, os.O_RDWR | os.O_CREAT, 0o600)
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


def _note_of(directory: Path, machine: Path) -> Path:
    name = hashlib.sha256(os.fsencode(machine.resolve())).hexdigest()[:16]
    return directory / USERS / name
