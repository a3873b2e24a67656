"""What our machines take of a node: some have its memory, to others it is only promised."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vm_service.domain.program import Kind, PowerState, Stage

UNSEEN: Final = timedelta(seconds=20)  # Proxmox looks every ten, and we at most every five
BRINGING_UP: Final = frozenset({Kind.DEPLOY, Kind.START})


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What of ours is on one node. Memory in MiB: ``running`` of VMs that have power.

    ``promised`` is that of VMs on their way to it, or just there: Proxmox's figures do not show
    it yet.
    """

    machines: int = 0
    running: int = 0
    promised: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Living machines of one node that stand alike. ``memory``: of all their plans, in MiB.

    ``fresh``: their step was begun less than ``UNSEEN`` ago; if they run, they were just started.
    """

    node: str
    kind: Kind
    stage: Stage
    power: PowerState
    machines: int
    memory: int
    fresh: bool = False


def loads(shares: Iterable[Share]) -> Mapping[str, Load]:
    """Add up what is on each node; a VM that is off, and left so, takes no memory."""
    found: dict[str, Load] = {}
    for share in shares:
        load = found.get(share.node, Load())
        promised = share.memory if _is_promised(share) else 0
        running = share.memory if share.power == "running" and not promised else 0
        found[share.node] = Load(
            machines=load.machines + share.machines,
            running=load.running + running,
            promised=load.promised + promised,
        )
    return found


def _is_promised(share: Share) -> bool:
    if share.kind not in BRINGING_UP:
        return False
    return share.fresh if share.power == "running" else share.stage is Stage.WORKING
