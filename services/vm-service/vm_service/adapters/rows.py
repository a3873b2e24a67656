"""A machine as a row of its table, and back."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, false, func, select

from common.contracts.base import now
from common.contracts.hypervisor import Assignment
from common.contracts.servers import Endpoint, ServerSpec
from vm_service.adapters.tables import machines
from vm_service.domain.machine import Failure, Machine
from vm_service.domain.placement import UNRECORDED, Place
from vm_service.domain.program import Kind, Stage
from vm_service.domain.promises import UNSEEN, Share


def columns(machine: Machine) -> dict[str, object]:
    """Return what is written of a machine."""
    return {
        "server_id": machine.server_id,
        "operation_id": machine.operation_id,
        "kind": machine.kind.value,
        "stage": machine.stage.value,
        "step": machine.step,
        "made_by": machine.made_by,
        "force": machine.force,
        "spec": machine.spec.model_dump(mode="json") if machine.spec else None,
        "deadline": machine.deadline,
        "vmid": machine.vmid,
        "node": machine.node,
        "address": machine.address,
        "address6": str(machine.net.address6.ip) if machine.net and machine.net.address6 else None,
        "place": asdict(machine.home) if machine.home else None,
        "assignment": machine.net.model_dump(mode="json") if machine.net else None,
        "owned": machine.owned,
        "task": machine.task,
        "leftover": machine.leftover,
        "rebooting": machine.rebooting,
        "boot_needed": machine.boot_needed,
        "snapshot": machine.snapshot,
        "snapshot_over": machine.snapshot_over,
        "power": machine.power,
        "attempt": machine.attempt,
        "since": machine.since,
        "told": machine.told,
        "host_keys": list(machine.host_keys),
        "endpoint": machine.endpoint.model_dump(mode="json") if machine.endpoint else None,
        "failure": asdict(machine.failure) if machine.failure else None,
        "changed_at": now(),
    }


def machine_of(row: Row[Any]) -> Machine:
    """Return the machine that a row holds."""
    return Machine(
        server_id=row.server_id,
        operation_id=row.operation_id,
        kind=Kind(row.kind),
        stage=Stage(row.stage),
        step=row.step,
        made_by=row.made_by,
        force=row.force,
        spec=ServerSpec.model_validate(row.spec) if row.spec else None,
        deadline=row.deadline,
        vmid=row.vmid,
        node=row.node,
        address=row.address,
        home=_home(row),
        net=Assignment.model_validate(row.assignment) if row.assignment else None,
        owned=row.owned,
        task=row.task,
        leftover=row.leftover,
        rebooting=row.rebooting,
        boot_needed=row.boot_needed,
        snapshot=row.snapshot,
        snapshot_over=row.snapshot_over,
        power=row.power,
        attempt=row.attempt,
        since=row.since,
        told=row.told,
        host_keys=tuple(row.host_keys),
        endpoint=Endpoint.model_validate(row.endpoint) if row.endpoint else None,
        failure=Failure(**row.failure) if row.failure else None,
    )


def shares(*, but: str) -> Select[*tuple[Any, ...]]:
    """Return the question how the living machines of each node stand, but for one server."""
    memory = func.sum(machines.c.spec["plan"]["memory_mib"].as_integer())
    is_fresh = func.coalesce(machines.c.since > now() - UNSEEN, false()).label("fresh")
    alike = (machines.c.node, machines.c.kind, machines.c.stage, machines.c.power, is_fresh)
    return (
        select(*alike, func.count().label("machines"), memory.label("memory"))
        .where(
            machines.c.stage != Stage.GONE.value,
            machines.c.node.is_not(None),
            machines.c.server_id != but,
        )
        .group_by(*alike)
    )


def share_of(row: Row[Any]) -> Share:
    """Return one answer to the question."""
    return Share(
        node=row.node,
        kind=Kind(row.kind),
        stage=Stage(row.stage),
        power=row.power,
        machines=row.machines,
        memory=row.memory or 0,
        fresh=bool(row.fresh),
    )


def is_a_copy() -> ColumnElement[bool]:
    """Return the question whether a machine's disk is a copy, and rests on no template's.

    Older records do not say; but only copies were given a storage. A copy without one is taken
    for a linked clone, as which it merely keeps its template.
    """
    place = machines.c.place
    return func.coalesce(place["full"].as_boolean(), place["storage"].as_string().is_not(None))


def _home(row: Row[Any]) -> Place | None:
    if row.place:
        told: Mapping[str, Any] = {"full": row.place.get("storage") is not None, **row.place}
        return Place(**{name: value for name, value in told.items() if name in _PLACE})
    if row.node is None:
        return None
    return Place(node=row.node, template=UNRECORDED, template_node=row.node)


_PLACE: Final = frozenset(field.name for field in fields(Place))  # newer copies may write more
