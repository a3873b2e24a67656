"""What is said about a machine: its outcome as an event, its steps as events and log lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal

from common.contracts.base import Event, Message
from common.contracts.events import (
    StepChanged,
    VMDeleted,
    VMFailed,
    VMReady,
    VMRemovalBlocked,
)
from common.contracts.logs import Level, LogBatch, LogLine
from vm_service.domain.machine import Failure, Machine, Stage, begun

WRITER: Final = "vm-service"
UNTOLD: Final = Failure(step="unknown", reason="no reason was recorded")
LONGEST: Final = 2000  # characters of a foreign text that are passed on

BEGINNINGS: Final[Mapping[str, str]] = {
    "reserve": "Reserving a VM id and an address",
    "clone": "Cloning the template into VM {vmid} on node {node}",
    "configure": "Configuring VM {vmid}: {cores}, {memory} MiB memory, address {address}",
    "resize": "Growing the disk of VM {vmid} to {disk} GiB",
    "start": "Starting VM {vmid}",
    "address": "Waiting for the guest of VM {vmid} to answer at {address}",
    "stop": "Stopping the VM",
    "destroy": "Removing the VM and its disks",
}
ENDINGS: Final[Mapping[str, str]] = {
    "reserve": "Reserved VM {vmid} with address {address} on node {node}",
    "clone": "VM {vmid} is cloned",
    "configure": "VM {vmid} is configured",
    "resize": "The disk of VM {vmid} has the size of the plan",
    "start": "VM {vmid} is started",
    "address": "The guest answers at {address}, its host key is known",
    "stop": "The VM is stopped",
    "destroy": "The VM is gone",
}


def announcement(machine: Machine, *, tofu: bool = False) -> Event | None:
    """Return the fact that a settled machine stands for; asked again, it is said again."""
    server, operation = machine.server_id, machine.operation_id
    failure = machine.failure or UNTOLD
    match machine.stage:
        case Stage.READY:
            return _ready(machine, tofu=tofu)
        case Stage.FAILED:
            return VMFailed(
                server_id=server,
                operation_id=operation,
                step=failure.step,
                reason=failure.reason,
                remedy=failure.remedy,
            )
        case Stage.GONE:
            return VMDeleted(server_id=server, operation_id=operation, vmid=machine.vmid)
        case Stage.BLOCKED:
            return VMRemovalBlocked(
                server_id=server,
                operation_id=operation,
                vmid=machine.vmid or 0,
                reason=failure.reason,
                remedy=failure.remedy or "remove the VM by hand, then delete the server again",
            )
        case _:
            return None


def _ready(machine: Machine, *, tofu: bool) -> VMReady:
    node, vmid = machine.place
    assert machine.endpoint is not None
    assert machine.deadline is not None
    return VMReady(
        server_id=machine.server_id,
        operation_id=machine.operation_id,
        vmid=vmid,
        node=node,
        endpoint=machine.endpoint,
        host_keys=machine.host_keys,
        host_key_policy="tofu" if tofu else "agent",
        spec=machine.wanted,
        deadline=machine.deadline,
    )


def beginning(machine: Machine) -> str:
    """Return the sentence that opens the step the machine is about to take."""
    assert machine.step is not None
    return _filled(BEGINNINGS[machine.step.name], machine)


def ending(step: str, machine: Machine) -> str:
    """Return the sentence that closes a step, for the machine it left behind."""
    return _filled(ENDINGS[step], machine)


def _filled(sentence: str, machine: Machine) -> str:
    plan = machine.spec.plan if machine.spec else None
    return sentence.format(
        vmid=machine.vmid,
        node=machine.node,
        address=machine.address,
        cores=plan and ("1 core" if plan.cores == 1 else f"{plan.cores} cores"),
        memory=plan.memory_mib if plan else None,
        disk=plan.disk_gib if plan else None,
    )


def step_changed(
    machine: Machine,
    step: str,
    state: Literal["running", "succeeded", "failed"],
    *,
    detail: str | None = None,
    progress: float | None = None,
) -> StepChanged:
    """Return the fact that a step of the machine's operation is in this state."""
    return StepChanged(
        server_id=machine.server_id,
        operation_id=machine.operation_id,
        step=step,
        state=state,
        attempt=max(machine.attempt, 1),
        progress=progress,
        detail=detail[:LONGEST] if detail else None,
    )


@dataclass(slots=True)
class Entry:
    """One entry in the record: the machine as it will be, and what is said in the same breath.

    The number of lines told is part of the machine, so that a line's key is the same only if
    the line is: both commit together.
    """

    machine: Machine
    facts: list[Event] = field(default_factory=list[Event])
    lines: list[LogLine] = field(default_factory=list[LogLine])

    def line(self, step: str, text: str, *, level: Level = "info") -> None:
        """Write a line into the operation's log."""
        key = f"{self.machine.told:06d}"
        self.lines.append(LogLine(key=key, level=level, step=step, text=text[:LONGEST]))
        self.machine = replace(self.machine, told=self.machine.told + 1)

    def messages(self) -> Sequence[Message]:
        """Return all that is said: lines before facts, so that a log is whole at its end."""
        if not self.lines:
            return self.facts
        batch = LogBatch(
            stream_id=self.machine.operation_id,
            server_id=self.machine.server_id,
            writer=WRITER,
            lines=tuple(self.lines),
        )
        return [batch, *self.facts]


def begin(entry: Entry, *, at: datetime) -> None:
    """Open the machine's next step, unless it is settled."""
    step = entry.machine.step
    if step is None:
        return
    entry.machine = begun(entry.machine, at=at)
    entry.line(step.name, beginning(entry.machine))
    entry.facts.append(step_changed(entry.machine, step.name, "running"))


def go_on(entry: Entry) -> None:
    """Tell that a step which had begun is taken up again."""
    step = entry.machine.step
    assert step is not None
    entry.machine = replace(entry.machine, attempt=entry.machine.attempt + 1)
    entry.line(step.name, "Going on after an interruption")
    entry.facts.append(step_changed(entry.machine, step.name, "running"))
