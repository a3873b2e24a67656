"""A VM in the words of the hypervisor: as it is ordered, as it stands, as it is listed."""

from dataclasses import dataclass

from common.contracts.hypervisor import Assignment
from common.contracts.servers import Plan
from vm_service.domain.placement import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A VM as it is to be made, or to be from now on.

    ``onboot``, ``cpu_type``: none leaves it as it is. ``ssh_key``: the guest's own key, one
    OpenSSH line; none: the installation's opens it.
    """

    vmid: int
    place: Place
    name: str
    description: str
    plan: Plan
    net: Assignment
    onboot: bool | None = None
    cpu_type: str | None = None
    ssh_key: str | None = None


def is_of_snapshot(upid: str) -> bool:
    """Tell whether a task makes, brings back or removes a snapshot."""
    return any(f":{kind}:" in upid for kind in ("qmsnapshot", "qmrollback", "qmdelsnapshot"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """How a task of the hypervisor is doing. ``failed`` holds its error text, judged by nobody."""

    running: bool
    failed: str | None = None
    progress: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A snapshot as it is listed. ``state``: what is being done to it, or was broken off."""

    name: str
    description: str = ""
    state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Whether a VM has power, and for how many seconds. ``restart_needed``: changes wait for it."""

    running: bool
    uptime: float = 0.0
    restart_needed: bool = False
    lock: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A VM as the cluster lists it. One just made has neither name nor status for seconds."""

    vmid: int
    node: str
    name: str = ""
    status: str = "unknown"
    template: bool = False
    lock: str | None = None
    pool: str | None = None
