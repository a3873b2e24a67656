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
    "webhook": "whk",
}


def new_id(kind: str, *, after: str = "") -> str:
    """Return a fresh id such as ``srv_01kabc…`` for a kind listed in ``PREFIXES``.

    It sorts behind the id ``after``, even if the clock was set back or another copy's runs ahead.
    """
    fresh = f"{PREFIXES[kind]}_{str(ULID()).lower()}"
    if fresh > after:
        return fresh
    millisecond = ULID.from_str(after.partition("_")[2].upper()).milliseconds + 1
    return f"{PREFIXES[kind]}_{str(ULID.from_timestamp(millisecond)).lower()}"
