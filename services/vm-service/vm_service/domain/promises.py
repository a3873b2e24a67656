"""What our machines take of a node: some have its memory, to others it is only promised."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from vm_service.domain.program import Kind, PowerState, Stage

BRINGING_UP: Final = frozenset({Kind.DEPLOY, Kind.START})


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What of ours is on one node. Memory in MiB: ``running`` of VMs that have power.

    ``promised`` is that of VMs on their way to it; Proxmox's figures do not show it yet.
    """

    machines: int = 0
    running: int = 0
    promised: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Living machines of one node that stand alike. ``memory``: of all their plans, in MiB."""

    node: str
    kind: Kind
    stage: Stage
    power: PowerState
    machines: int
    memory: int


def loads(shares: Iterable[Share]) -> Mapping[str, Load]:
    """Add up what is on each node; a VM that is off, and left so, takes no memory."""
    found: dict[str, Load] = {}
    for share in shares:
        load = found.get(share.node, Load())
        coming = share.kind in BRINGING_UP and share.stage is Stage.WORKING
        found[share.node] = Load(
            machines=load.machines + share.machines,
            running=load.running + (share.memory if share.power == "running" else 0),
            promised=load.promised + (share.memory if share.power != "running" and coming else 0),
        )
    return found
