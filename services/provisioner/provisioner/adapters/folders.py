"""Short-lived private folders, and how to tell whether whoever made one still lives.

Each has a lock that its maker holds for as long as it lives: beside it, where the next with the
same name has to wait for it, else within.
"""

import fcntl
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from socket import AF_UNIX
from socket import socket as unix_socket
from typing import Final

LOGIN: Final = "yard-ssh-"  # what the folders of single logins are called
ALIVE: Final = "alive"


def socket_of(folder: Path, login: str) -> Path:
    """Return the socket of the connection that logins of this name share."""
    return folder.absolute() / f"c-{login}"


def sockets_in(folder: Path) -> list[Path]:
    """Return the sockets of connections that logins share, or have shared."""
    return [path for path in folder.glob("c-*") if path.is_socket()]


def drop_dead(socket: Path) -> None:
    """Remove a socket at which nobody listens any more: whoever opened it was killed."""
    if not socket.is_socket():
        return
    with closing(unix_socket(AF_UNIX)) as asked:
        asked.settimeout(1.0)
        try:
            asked.connect(str(socket))
        except ConnectionRefusedError:
            socket.unlink(missing_ok=True)
        except OSError:
            pass  # it is gone meanwhile, or not ours to ask


def lock_of(folder: Path) -> Path:
    """Return the file that is locked while the folder is in use."""
    if folder.name.startswith(LOGIN):
        return folder / ALIVE
    return folder.with_name(f"{folder.name}.lock")


@contextmanager
def free(path: Path) -> Generator[bool]:
    """Hold the lock for as long as the block lasts, unless somebody living holds it."""
    with path.open("a") as lock:  # what its last holder has written of itself is kept
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def last_holder(path: Path) -> str:
    """Return what whoever held the lock last has written of itself, or nothing."""
    return path.read_text().strip() if path.exists() else ""
