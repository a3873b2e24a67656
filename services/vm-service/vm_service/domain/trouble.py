"""Judges what Proxmox refuses.

Proxmox tells what is wrong only by text: in the HTTP reason phrase, or as the last line of a
task. Status codes help little (a missing VM is a 500).
"""

import re
from typing import Final

from vm_service.domain.texts import STATUSES, TEXTS, Row
from vm_service.domain.verdict import Kind, Trouble, Verdict

__all__ = ["Kind", "Trouble", "Verdict", "judge", "row_of"]

_COMPILED: Final = tuple((re.compile(row[0]), row) for row in TEXTS)
_MISSING: Final = re.compile(r"Permission check failed(?: \((?P<path>/[^,]*), (?P<privs>[^)]*)\))?")
_CHECK_LOGIN: Final = (
    "see ./yard doctor; correct token_id or token_secret in the hypervisor's settings"
)


def judge(text: str, *, status: int | None = None) -> Trouble:
    """Say what a refusal means. ``status`` is the HTTP status; none for the end of a task."""
    if status == 401:  # noqa: PLR2004  HTTP's own number
        return Trouble(Verdict.DENIED, f"Proxmox refused our token: {text}", _CHECK_LOGIN)
    if denied := _MISSING.search(text):
        return Trouble(Verdict.DENIED, text, _grant(denied["path"], denied["privs"]))
    known = STATUSES.get(status or 0, Verdict.FAULT)
    row = row_of(text)
    if row is None or known is Verdict.UNKNOWN:  # the text is a gateway's, not Proxmox's
        return Trouble(known, text)
    return Trouble(row[1], text, row[2])


def row_of(text: str) -> Row | None:
    """Return the row of the table that speaks of this text."""
    return next((row for pattern, row in _COMPILED if pattern.search(text)), None)


def _grant(path: str | None, privileges: str | None) -> str:
    if path is None:
        return "see ./yard doctor: it names the missing rights and how to grant them"
    return f"grant {privileges} on {path} to the user and to its token"
