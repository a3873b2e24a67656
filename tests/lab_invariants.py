"""What must hold in every history of a lab, whatever went wrong in between."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

Entries = Sequence[Mapping[str, Any]]  # as GET /lab/history tells them
MARK: Final = "spawnyard:"


def mark_of(description: str | None) -> str | None:
    """Return installation and server of a description's mark: ``spawnyard:INSTALL:SERVER``."""
    for line in (description or "").splitlines():
        if line.startswith(MARK):
            return ":".join(line.split(":")[:3])
    return None


def doubles(entries: Entries) -> list[tuple[str, int, int]]:
    """Name marks that two machines bore at the same time: mark, the first, the second."""
    bearers: dict[str, set[int]] = {}
    found: list[tuple[str, int, int]] = []
    for entry in entries:
        vmid = int(entry["vmid"])
        if entry["what"] == "destroyed":
            _let_go(bearers, vmid)
        if "description" not in entry["detail"]:
            continue
        _let_go(bearers, vmid)
        mark = mark_of(entry["detail"]["description"])
        if mark is not None:
            found += [(mark, other, vmid) for other in bearers.setdefault(mark, set())]
            bearers[mark].add(vmid)
    return found


def _let_go(bearers: Mapping[str, set[int]], vmid: int) -> None:
    for vmids in bearers.values():
        vmids.discard(vmid)


def touched(entries: Entries, decoys: Iterable[int], *, by: str) -> Entries:
    """Return what somebody (a token's id) did to machines that are not theirs.

    A clone into an id that is taken is refused by Proxmox: it touches nobody.
    """
    watched = set(decoys)
    return [
        entry
        for entry in entries
        if entry["vmid"] in watched
        and entry["by"] == by
        and entry["detail"].get("type") != "qmclone"
    ]


def strangers(entries: Entries) -> set[int]:
    """Name the machines that faults brought in."""
    return {int(e["vmid"]) for e in entries if e["what"] == "created" and e["by"] == "stranger"}


def living(entries: Entries) -> set[int]:
    """Name the machines that were made and are still there."""
    alive: set[int] = set()
    for entry in entries:
        if entry["what"] == "created":
            alive.add(int(entry["vmid"]))
        if entry["what"] == "destroyed":
            alive.discard(int(entry["vmid"]))
    return alive
