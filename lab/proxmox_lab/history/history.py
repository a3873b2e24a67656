"""The history of all machines, strangers' too: written as it happens, bounded, kept on disk."""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ValidationError

from proxmox_lab.doing import upid, who
from proxmox_lab.machines import config
from proxmox_lab.site.journal import Journal
from proxmox_lab.site.site import Site
from proxmox_lab.site.things import Machine
from proxmox_lab.tasks.task import Task

KEPT: Final = 50_000
WORTH_SWEEPING: Final = 64 << 20
SHOWN: Final = 300  # characters of a value
What = Literal["created", "changed", "started", "stopped", "destroyed", "task", "task ended"]


class Entry(BaseModel, frozen=True):
    """One thing that happened. ``at`` is in seconds since 1970; ``detail`` depends on ``what``.

    created: name, description, node, lock · changed: each key with its new value, null if it went
    · task, task ended: type, and exit once it has ended.
    """

    number: int
    at: float
    vmid: int
    what: What
    by: str
    upid: str | None = None
    detail: dict[str, Any] = {}


class History:
    """Remembers the last ``KEPT`` entries."""

    def __init__(self, file: Path) -> None:
        self._journal = Journal(file)
        self._entries: deque[Entry] = deque(self._read(), maxlen=KEPT)
        self._number = self._entries[-1].number if self._entries else 0
        self._seen: dict[int, tuple[Mapping[str, str], bool]] = {}

    def _read(self) -> Iterator[Entry]:
        for line in self._journal.lines():
            try:
                yield Entry.model_validate_json(line)
            except ValidationError:
                continue  # cut short when the lab was killed

    def begin(self, site: Site) -> None:
        """Know what is there already; only what changes from now on is told."""
        self._seen = {vmid: _face(machine) for vmid, machine in site.cluster.items()}

    def entries(self, vmid: int | None = None, *, after: int = 0) -> list[Entry]:
        """Return the entries of one machine or all, the oldest first."""
        return [e for e in self._entries if vmid in (None, e.vmid) and e.number > after]

    def watch(self, vmid: int, machine: Machine | None) -> None:
        """Hear that a machine was saved, or is gone."""
        before = self._seen.pop(vmid, None)
        if machine is None:
            if before is not None:
                self._note(vmid, "destroyed")
            return
        self._seen[vmid] = now = _face(machine)
        if before is None:
            self._note(vmid, "created", {"node": machine.node, **_told(now[0])})
            return
        changed = {key: now[0].get(key) for key in now[0].keys() | before[0].keys()
                   if now[0].get(key) != before[0].get(key)}  # fmt: skip
        if changed:
            self._note(vmid, "changed", _told(changed))
        if now[1] != before[1]:
            self._note(vmid, "started" if now[1] else "stopped")

    def watch_task(self, task: Task) -> None:
        """Hear that a task has begun or ended."""
        if task.machine is None:
            return
        detail = {"type": task.upid.type}
        if task.is_running:
            self._note(task.machine, "task", detail, by=task.upid.owner, task=str(task.upid))
        else:
            detail["exit"] = task.exitstatus or ""
            self._note(task.machine, "task ended", detail, by=task.upid.owner, task=str(task.upid))

    def close(self) -> None:
        """Let go of the file."""
        self._journal.close()

    def _note(
        self,
        vmid: int,
        what: What,
        detail: Mapping[str, Any] | None = None,
        *,
        by: str | None = None,
        task: str | None = None,
    ) -> None:
        self._number += 1
        entry = Entry(
            number=self._number, at=time.time(), vmid=vmid, what=what, by=by or who(),
            upid=task or upid(), detail=dict(detail or {}),
        )  # fmt: skip
        self._entries.append(entry)
        self._journal.append(entry.model_dump_json())
        if self._journal.appended > WORTH_SWEEPING:
            self._journal.sweep(e.model_dump_json() for e in self._entries)


def _face(machine: Machine) -> tuple[Mapping[str, str], bool]:
    return config.wanted(machine), machine.powered


def _told(values: Mapping[str, str | None]) -> dict[str, str | None]:
    secret = {key: "**********" for key in ("cipassword",) if values.get(key)}
    return {key: value and value[:SHOWN] for key, value in values.items()} | secret
