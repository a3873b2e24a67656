"""The life of a machine: the VM behind one server, from the wish for it to its end.

    planned -> reserved -> cloned -> configured -> resized -> started -> ready
       |          |          |           |            |          |         |
       +----------+----------+-----------+------------+----------+----> failed
       |                                                                   |
       +--> removing -> stopped -> gone <----------------------------------+
                |          |
                +----------+--> blocked (Proxmox refuses to let it go)

A removal may be asked for at every stage. ``gone`` doubles as the tombstone of a server whose
removal was heard before its deployment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from common.contracts.hypervisor import Assignment
from common.contracts.servers import Endpoint, ServerSpec
from vm_service.domain.placement import Place


class Stage(StrEnum):
    """Where a machine is in its life."""

    PLANNED = "planned"
    RESERVED = "reserved"
    CLONED = "cloned"
    CONFIGURED = "configured"
    RESIZED = "resized"
    STARTED = "started"
    READY = "ready"
    FAILED = "failed"
    REMOVING = "removing"
    STOPPED = "stopped"
    GONE = "gone"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Step:
    """What is done at a stage, and the stage it leads to."""

    name: str
    leads_to: Stage


STEPS: Final[Mapping[Stage, Step]] = {
    Stage.PLANNED: Step("reserve", Stage.RESERVED),
    Stage.RESERVED: Step("clone", Stage.CLONED),
    Stage.CLONED: Step("configure", Stage.CONFIGURED),
    Stage.CONFIGURED: Step("resize", Stage.RESIZED),
    Stage.RESIZED: Step("start", Stage.STARTED),
    Stage.STARTED: Step("address", Stage.READY),
    Stage.REMOVING: Step("stop", Stage.STOPPED),
    Stage.STOPPED: Step("destroy", Stage.GONE),
}

UNSETTLED: Final = frozenset(STEPS)
BEING_REMOVED: Final = frozenset({Stage.REMOVING, Stage.STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why it went no further, told to a person."""

    step: str
    reason: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The record of one server's VM. ``owned``: Proxmox has shown us that the VM is ours."""

    server_id: str
    operation_id: str  # the newest operation heard of
    stage: Stage
    spec: ServerSpec | None = None  # none: only its removal was ever heard
    deadline: datetime | None = None
    vmid: int | None = None
    node: str | None = None
    home: Place | None = None  # where it was decided to make it
    net: Assignment | None = None  # what it was given of a network
    address: str | None = None  # the guest's own; by DHCP, only known once it told it
    owned: bool = False
    task: str | None = None  # the clone's UPID, while it is of interest
    attempt: int = 0  # of the step that runs; 0: not begun
    since: datetime | None = None  # when the step that runs was begun
    told: int = 0  # log lines written so far; numbers their keys
    host_keys: tuple[str, ...] = ()
    endpoint: Endpoint | None = None
    failure: Failure | None = None

    @property
    def step(self) -> Step | None:
        """What comes next, unless the machine is settled."""
        return STEPS.get(self.stage)

    @property
    def wanted(self) -> ServerSpec:
        """What the machine is to be; only asked while one is brought up."""
        assert self.spec is not None
        return self.spec

    @property
    def place(self) -> tuple[str, int]:
        """Node and VM id; only asked once reserved."""
        assert self.node is not None
        assert self.vmid is not None
        return self.node, self.vmid


def planned(*, server_id: str, operation_id: str, spec: ServerSpec, deadline: datetime) -> Machine:
    """Return a machine that was asked for."""
    return Machine(
        server_id=server_id,
        operation_id=operation_id,
        stage=Stage.PLANNED,
        spec=spec,
        deadline=deadline,
    )


def tombstone(*, server_id: str, operation_id: str) -> Machine:
    """Return the mark of a server whose removal came before anything else."""
    return Machine(server_id=server_id, operation_id=operation_id, stage=Stage.GONE)


def moved_on(machine: Machine) -> Machine:
    """Return the machine one stage further, its next step not begun."""
    step = STEPS[machine.stage]
    return replace(machine, stage=step.leads_to, attempt=0, since=None)


def begun(machine: Machine, *, at: datetime) -> Machine:
    """Return the machine with its next step begun."""
    return replace(machine, attempt=1, since=at)


def given_up(machine: Machine, *, reason: str, remedy: str | None) -> Machine:
    """Return the machine stopped where it is: failed on the way up, blocked on the way down."""
    step = STEPS[machine.stage]
    return replace(
        machine,
        stage=Stage.BLOCKED if machine.stage in BEING_REMOVED else Stage.FAILED,
        failure=Failure(step=step.name, reason=reason, remedy=remedy),
    )


def sent_back(machine: Machine) -> Machine:
    """Return the machine without its VM id, which turned out to be somebody else's."""
    return replace(
        machine,
        stage=Stage.PLANNED,
        vmid=None,
        home=None,
        net=None,
        address=None,
        task=None,
        attempt=0,
        since=None,
    )


def unwanted(machine: Machine, *, operation_id: str) -> Machine:
    """Return the machine on its way out, whatever it was doing; what is removed stays so."""
    if machine.stage is Stage.GONE or machine.stage in BEING_REMOVED:
        return replace(machine, operation_id=operation_id)
    return replace(
        machine,
        operation_id=operation_id,
        stage=Stage.REMOVING,
        attempt=0,
        since=None,
        failure=None,
    )
