"""The machine: the VM behind one server, from the wish for it to its end.

It is worked at, step by step of the program of its kind (see ``program``), or it is settled.
A newer request takes over from whatever goes on; only a removal is never turned back. ``gone``
doubles as the tombstone of a server whose removal was heard before its deployment.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from common.contracts.hypervisor import Assignment
from common.contracts.servers import Endpoint, ServerSpec
from vm_service.domain.placement import Place
from vm_service.domain.program import Kind, PowerState, Stage, after, program

OUR_SNAPSHOTS: Final = "yard-"  # how their names begin


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
    kind: Kind
    stage: Stage
    step: str | None = None  # that is worked at; none: settled
    made_by: str = ""  # the operation of the deployment: part of the VM's mark
    spec: ServerSpec | None = None  # none: only its removal was ever heard
    deadline: datetime | None = None
    force: bool = False  # a restart that does not ask the guest
    vmid: int | None = None
    home: Place | None = None  # where it was decided to make it
    node: str | None = None  # where the VM was seen last
    net: Assignment | None = None  # what it was given of a network
    address: str | None = None  # the guest's own; by DHCP, only known once it told it
    owned: bool = False
    task: str | None = None  # UPID of the step's long task, while it is of interest
    leftover: str | None = None  # UPID of a task of the work that was taken over from
    rebooting: bool = False  # a reboot of ours may still switch the VM on
    boot_needed: bool = False  # the guest does not know yet that its disk has grown
    snapshot: str | None = None  # an update's, made before anything was done in the guest
    snapshot_over: bool = False  # nothing goes back to it any more
    power: PowerState = "unknown"  # as it was seen last
    attempt: int = 0  # of the step that runs; 0: not begun
    since: datetime | None = None  # when the step that runs was begun
    told: int = 0  # log lines written so far; numbers their keys
    host_keys: tuple[str, ...] = ()
    endpoint: Endpoint | None = None
    failure: Failure | None = None

    @property
    def is_settled(self) -> bool:
        """Tell whether nothing is left to do."""
        return self.stage is not Stage.WORKING

    @property
    def is_being_removed(self) -> bool:
        """Tell whether it is on its way out, or stuck there."""
        return self.kind is Kind.REMOVE and self.stage is not Stage.GONE

    @property
    def is_bake(self) -> bool:
        """Tell whether it is a template, or was to become one."""
        return self.spec is not None and self.spec.purpose == "template"

    @property
    def errand(self) -> tuple[Kind, str | None, str]:
        """What is being done, and for whom; a removal is one, whoever asks for it."""
        return self.kind, self.step, "" if self.kind is Kind.REMOVE else self.operation_id

    @property
    def snapshot_name(self) -> str:
        """What the snapshot of this operation, an update, is called."""
        return f"{OUR_SNAPSHOTS}{self.operation_id}"

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
        kind=Kind.DEPLOY,
        stage=Stage.WORKING,
        step=program(Kind.DEPLOY).steps[0],
        made_by=operation_id,
        spec=spec,
        deadline=deadline,
    )


def tombstone(*, server_id: str, operation_id: str) -> Machine:
    """Return the mark of a server whose removal came before anything else."""
    return Machine(
        server_id=server_id, operation_id=operation_id, kind=Kind.REMOVE, stage=Stage.GONE
    )


def moved_on(machine: Machine) -> Machine:
    """Return the machine one step further, its next step not begun; or settled."""
    assert machine.step is not None
    target = after(machine.kind, machine.step, power=machine.power)
    if isinstance(target, Stage):
        return replace(machine, stage=target, step=None)
    return replace(machine, step=target, attempt=0, since=None)


def begun(machine: Machine, *, at: datetime) -> Machine:
    """Return the machine with its next step begun."""
    return replace(machine, attempt=1, since=at)


def seen_off(machine: Machine) -> Machine:
    """Return the machine without power; an address that it was only lent is free for others."""
    lent = machine.net is not None and machine.net.network.mode == "dhcp"
    return replace(machine, power="stopped", address=None if lent else machine.address)


def given_up(machine: Machine, *, reason: str, remedy: str | None) -> Machine:
    """Return the machine stopped where it is: blocked on its way out, else failed."""
    assert machine.step is not None
    return replace(
        machine,
        stage=Stage.BLOCKED if machine.kind is Kind.REMOVE else Stage.FAILED,
        step=None,
        failure=Failure(step=machine.step, reason=reason, remedy=remedy),
    )


def sent_back(machine: Machine) -> Machine:
    """Return the machine without its VM id, which turned out to be somebody else's."""
    return replace(begun_anew(machine), vmid=None, home=None, net=None, address=None)


def begun_anew(machine: Machine) -> Machine:
    """Return the machine at the beginning of its program, with all that it has."""
    first = program(machine.kind).steps[0]
    return replace(machine, step=first, task=None, attempt=0, since=None)
