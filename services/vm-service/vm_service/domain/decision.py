"""What becomes of a request, given the machine it finds: one function per event, nothing done.

Of two operations the newer one wins; asked again, the outcome is said again.
"""

from dataclasses import dataclass, replace
from typing import Final

from common.contracts.base import Event
from common.contracts.events import (
    CancelRequested,
    ChangeRequested,
    DeploymentRequested,
    GuestSealed,
    RemovalRequested,
    RollbackRequested,
    SnapshotReleased,
)
from vm_service.domain.machine import Failure, Machine, planned, tombstone
from vm_service.domain.program import Kind, Stage, program
from vm_service.domain.turning import let_go, turned, unwanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """``record``: the machine as it is to be. ``tell``: whose outcome is said, if it has one."""

    record: Machine | None = None
    tell: Machine | None = None


OVERTAKEN: Final = Decision()


def decide(event: Event, machine: Machine | None) -> Decision | None:
    """Return what becomes of an event; none if it is no business of ours."""
    match event:
        case DeploymentRequested():
            return _deployment(event, machine)
        case ChangeRequested():
            return _change(event, machine)
        case CancelRequested():
            return _cancel(event, machine)
        case RollbackRequested() | SnapshotReleased() | GuestSealed():
            return _sequel(event, machine)
        case RemovalRequested():
            return _removal(event, machine)
        case _:
            return None


def _deployment(event: DeploymentRequested, machine: Machine | None) -> Decision:
    if machine is not None and machine.operation_id == event.operation_id:
        return Decision(tell=machine)
    if machine is not None and not (machine.stage is Stage.GONE and _is_newer(event, machine)):
        return OVERTAKEN  # by a removal, or by a newer operation
    wish = planned(
        server_id=event.server_id,
        operation_id=event.operation_id,
        spec=event.spec,
        deadline=event.deadline,
    )
    return Decision(record=wish)


def _change(event: ChangeRequested, machine: Machine | None) -> Decision:
    if machine is None:
        return Decision(tell=_without_vm(event, Kind(event.kind)))
    if machine.operation_id == event.operation_id:
        return Decision(tell=machine)
    if not _is_newer(event, machine):
        return OVERTAKEN
    if machine.kind is Kind.REMOVE:  # gone, or going: that is never turned back
        return Decision(tell=_without_vm(event, Kind(event.kind)))
    changed = replace(
        turned(machine, Kind(event.kind), operation_id=event.operation_id),
        spec=event.spec,
        deadline=event.deadline,
        force=event.force,
    )
    return Decision(record=changed)


def _sequel(
    event: RollbackRequested | SnapshotReleased | GuestSealed, machine: Machine | None
) -> Decision:
    """Go on with what an operation has begun."""
    match event:
        case RollbackRequested():
            return _rollback(event, machine)
        case SnapshotReleased():
            return _release(event, machine)
        case GuestSealed():
            return _sealed(event, machine)


def _rollback(event: RollbackRequested, machine: Machine | None) -> Decision:
    """Turn to the way back; of an update that was never heard of, there is nothing to undo."""
    if machine is None:
        return Decision(tell=_without_vm(event, Kind.ROLLBACK))
    if machine.operation_id > event.operation_id:
        return OVERTAKEN
    if machine.kind is Kind.REMOVE:
        return Decision(tell=_without_vm(event, Kind.ROLLBACK))
    if machine.operation_id == event.operation_id and machine.kind is not Kind.UPDATE:
        return Decision(tell=machine) if machine.kind is Kind.ROLLBACK else OVERTAKEN
    back = replace(
        turned(machine, Kind.ROLLBACK, operation_id=event.operation_id),
        spec=event.spec,
        deadline=event.deadline,
    )
    return Decision(record=back)


def _release(event: SnapshotReleased, machine: Machine | None) -> Decision:
    """Remove snapshots at leisure; whatever is newer, or under way, goes first.

    Where the VM is up the game has answered: then all go that nothing goes back to.
    """
    if machine is not None and machine.operation_id > event.operation_id:
        return Decision(record=let_go(machine, operation_id=event.operation_id))
    if machine is None or not machine.is_settled or machine.operation_id != event.operation_id:
        return OVERTAKEN
    is_up = machine.stage is Stage.READY
    if machine.snapshot_over and not is_up:
        return OVERTAKEN  # they may all go as soon as the game has answered again
    if machine.kind not in {Kind.UPDATE, Kind.ROLLBACK} and not machine.snapshot_over:
        return OVERTAKEN
    released = turned(machine, Kind.RELEASE, operation_id=event.operation_id)
    return Decision(record=replace(released, snapshot_over=is_up))


def _cancel(event: CancelRequested, machine: Machine | None) -> Decision:
    if machine is None:
        return Decision(tell=_nothing_to_see(event))
    if machine.operation_id > event.operation_id:
        return OVERTAKEN
    if machine.kind is Kind.REMOVE:
        return Decision(tell=_nothing_to_see(event)) if machine.stage is Stage.GONE else OVERTAKEN
    if machine.operation_id == event.operation_id:
        if machine.kind is Kind.OBSERVE:
            return Decision(tell=machine)
        if machine.kind is Kind.DEPLOY:
            return OVERTAKEN  # a deployment is called off by a removal
    # Also what was not heard of yet: its request, when it comes, finds itself called off.
    return Decision(record=turned(machine, Kind.OBSERVE, operation_id=event.operation_id))


def _sealed(event: GuestSealed, machine: Machine | None) -> Decision:
    """Turn what was brought up for it into a template; said again, nothing is begun again."""
    if machine is None or machine.operation_id != event.operation_id:
        return OVERTAKEN
    if machine.kind is Kind.CONVERT:
        return Decision(tell=machine)
    if machine.kind is not Kind.DEPLOY or machine.stage is not Stage.READY:
        return OVERTAKEN
    return Decision(record=turned(machine, Kind.CONVERT, operation_id=event.operation_id))


def _removal(event: RemovalRequested, machine: Machine | None) -> Decision:
    if machine is None:
        gone = tombstone(server_id=event.server_id, operation_id=event.operation_id)
        return Decision(record=gone, tell=gone)
    if event.operation_id < machine.operation_id:
        return OVERTAKEN
    if machine.stage is Stage.BLOCKED and machine.operation_id == event.operation_id:
        return Decision(tell=machine)
    leaving = unwanted(machine, operation_id=event.operation_id)
    return Decision(record=leaving, tell=leaving)


def _is_newer(event: Event, machine: Machine) -> bool:
    return machine.operation_id < event.operation_id


def _without_vm(event: Event, kind: Kind) -> Machine:
    """Return the answer to a change of a server that has no VM; it is recorded nowhere."""
    return Machine(
        server_id=event.server_id,
        operation_id=event.operation_id,
        kind=kind,
        stage=Stage.FAILED,
        failure=Failure(
            step=program(kind).steps[0],
            reason="the server has no VM, or it is being removed",
            remedy="delete the server and deploy it again",
        ),
    )


def _nothing_to_see(event: CancelRequested) -> Machine:
    return Machine(
        server_id=event.server_id,
        operation_id=event.operation_id,
        kind=Kind.OBSERVE,
        stage=Stage.OBSERVED,
    )
