"""Whether an ordinary user may own files as many users: what an installation without root needs."""

import getpass
from pathlib import Path
from typing import Final

_MAPS: Final = (Path("/etc/subuid"), Path("/etc/subgid"))
_NEEDED: Final = 65_536


def identity_map_remedy() -> str | None:
    """Return None where this user has subordinate ids, else the command that grants them."""
    user = getpass.getuser()
    if all(grants(_text(path), user) for path in _MAPS):
        return None
    return f"sudo usermod --add-subuids 3000000-3065535 --add-subgids 3000000-3065535 {user}"


def grants(text: str, user: str) -> bool:
    """Tell whether a map gives the user a range that is large enough."""
    # user:first:count
    rows = (line.strip().split(":") for line in text.splitlines())
    return any(
        len(row) == 3 and row[0] == user and row[2].isdigit() and int(row[2]) >= _NEEDED
        for row in rows
    )


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
