"""Identifiers: a short prefix that names the kind, then a ULID: sortable by time, easy to grep."""

from typing import Final

from ulid import ULID

PREFIXES: Final = {
    "server": "srv",
    "operation": "op",
    "event": "evt",
    "batch": "log",
    "machine": "mch",
    "run": "run",
    "user": "usr",
    "session": "ses",
    "instance": "ins",
    "request": "req",
    "token": "tok",
}


def new_id(kind: str) -> str:
    """Return a fresh id such as ``srv_01kabc…`` for a kind listed in ``PREFIXES``."""
    return f"{PREFIXES[kind]}_{str(ULID()).lower()}"
