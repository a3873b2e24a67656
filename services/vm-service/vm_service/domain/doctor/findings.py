"""Findings, worded short; and the commands that repair what several checks may find."""

import shlex
from collections.abc import Iterable
from typing import Final

from common.contracts.hypervisor import Finding

LONGEST: Final = 600
SHOW: Final = "./yard settings hypervisor show --json > hypervisor.json"
SET: Final = "./yard settings hypervisor set --file hypervisor.json"


def fine(code: str, title: str, detail: str = "") -> Finding:
    """Return a finding that all is well."""
    return Finding(code=code, level="ok", title=title, detail=_short(detail))


def warning(
    code: str, title: str, detail: str = "", command: str | None = None, *, at: str | None = None
) -> Finding:
    """Return a finding that will not keep a deployment from succeeding."""
    return Finding(
        code=code, level="warning", title=title, detail=_short(detail), command=command, pointer=at
    )


def error(
    code: str, title: str, detail: str = "", command: str | None = None, *, at: str | None = None
) -> Finding:
    """Return a finding that keeps deployments from succeeding. ``at``: the setting at fault."""
    return Finding(
        code=code, level="error", title=title, detail=_short(detail), command=command, pointer=at
    )


def change_setting(what: str) -> str:
    """Return the commands with which a setting of ours is changed."""
    return f"{SHOW} && ${{EDITOR:-vi}} hypervisor.json && {SET}  # {what}"


def quoted(text: object) -> str:
    """Return text for a shell."""
    return shlex.quote(str(text))


def listed(names: Iterable[object]) -> str:
    """Return names in order, separated by commas."""
    return ", ".join(sorted(str(name) for name in names))


def gib(size: int) -> str:
    """Write a size in bytes for people."""
    return f"{size / 2**30:.1f} GiB"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
