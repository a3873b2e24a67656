"""A VM in the words of the hypervisor: as it is ordered, as it stands, as it is listed."""

from dataclasses import dataclass

from common.contracts.hypervisor import Assignment
from common.contracts.servers import Plan
from vm_service.domain.placement import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A VM as it is to be made, or to be from now on.

    ``onboot``, ``cpu_type``: none leaves it as it is.
    """

    vmid: int
    place: Place
    name: str
    description: str
    plan: Plan
    net: Assignment
    onboot: bool | None = None
    cpu_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """How a task of the hypervisor is doing. ``failed`` holds its error text, judged by nobody."""

    running: bool
    failed: str | None = None
    progress: float | None = None
    warnings: tuple[str, ...] = ()


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
