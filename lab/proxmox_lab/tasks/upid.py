"""UPIDs: how Proxmox names a task."""

import re
from dataclasses import dataclass
from typing import Final

from proxmox_lab.refusal import invalid

_PATTERN: Final = re.compile(
    r"^UPID:([a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?):([0-9A-Fa-f]{8}):([0-9A-Fa-f]{8,9})"
    r":([0-9A-Fa-f]{8}):([^:\s/]+):([^:\s/]*):([^:\s/]+):$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upid:
    """A task's name, in its parts."""

    node: str
    pid: int
    pstart: int
    starttime: int
    type: str
    id: str
    owner: str

    def __str__(self) -> str:
        head = f"UPID:{self.node}:{self.pid:08X}:{self.pstart:08X}:{self.starttime:08X}"
        return f"{head}:{self.type}:{self.id}:{self.owner}:"

    @property
    def user(self) -> str:
        return self.owner.partition("!")[0]

    @property
    def token(self) -> str | None:
        return self.owner.partition("!")[2] or None


def parse(text: str) -> Upid:
    """Read a UPID, or refuse."""
    found = _PATTERN.match(text)
    if not found:
        raise invalid({"upid": "unable to parse worker upid"})
    node, pid, pstart, starttime, kind, subject, owner = found.groups()
    return Upid(
        node=node,
        pid=int(pid, 16),
        pstart=int(pstart, 16),
        starttime=int(starttime, 16),
        type=kind,
        id=subject,
        owner=owner,
    )
