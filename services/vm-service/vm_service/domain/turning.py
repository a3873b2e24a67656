"""A machine turned to something else, whatever it was doing; and what that leaves behind."""

from dataclasses import replace

from vm_service.domain.machine import OUR_SNAPSHOTS, Machine
from vm_service.domain.program import Kind, Stage, program


def turned(machine: Machine, kind: Kind, *, operation_id: str) -> Machine:
    """Return the machine turned to something else, at its beginning, whatever it was doing."""
    # A clone under way is the removal's to end; any other task is only in the way.
    left = machine.task if machine.owned else None
    if _leaves_a_snapshot(machine, kind):
        machine = replace(
            machine, snapshot=machine.snapshot or machine.snapshot_name, snapshot_over=True
        )
    return replace(
        machine,
        operation_id=operation_id,
        kind=kind,
        stage=Stage.WORKING,
        step=program(kind).steps[0],
        force=False,
        task=None if machine.owned else machine.task,
        leftover=left or machine.leftover,
        attempt=0,
        since=None,
        failure=None,
    )


def unwanted(machine: Machine, *, operation_id: str) -> Machine:
    """Return the machine on its way out, whatever it was doing; what is removed stays so."""
    if machine.kind is Kind.REMOVE and machine.stage in {Stage.WORKING, Stage.GONE}:
        return replace(machine, operation_id=operation_id)
    return turned(machine, Kind.REMOVE, operation_id=operation_id)


def let_go(machine: Machine, *, operation_id: str) -> Machine | None:
    """Return the machine with the snapshot of a former update free to go; none if it has another.

    Whether it was ever recorded or not: it may have been made all the same.
    """
    name = f"{OUR_SNAPSHOTS}{operation_id}"
    if machine.snapshot not in {None, name} or machine.kind is Kind.REMOVE:
        return None
    return replace(machine, snapshot=name, snapshot_over=True)


def _leaves_a_snapshot(machine: Machine, kind: Kind) -> bool:
    """Tell whether there may be a snapshot to which nothing goes back any more.

    After a way back that has failed it stays: it is all that is left of what the server was.
    """
    if machine.snapshot not in {None, machine.snapshot_name}:
        return False
    is_under_way = machine.stage is Stage.WORKING
    match machine.kind:
        case Kind.UPDATE:
            return kind not in {Kind.ROLLBACK, Kind.RELEASE}
        case Kind.ROLLBACK:
            return kind is not Kind.RELEASE and (is_under_way or kind is Kind.OBSERVE)
        case Kind.RELEASE:
            return is_under_way or machine.snapshot is not None
        case _:
            return False
