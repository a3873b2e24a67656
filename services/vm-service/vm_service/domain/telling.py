"""What is said about a machine: its outcome as an event, its steps as events and log lines."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal, cast

from common.contracts.base import Event, Message
from common.contracts.events import (
    Brought,
    StepChanged,
    VMDeleted,
    VMFailed,
    VMObserved,
    VMReady,
    VMRemovalBlocked,
    VMStopped,
    VMTemplated,
)
from common.contracts.logs import Level, LogBatch, LogLine
from vm_service.domain.machine import Failure, Machine, begun
from vm_service.domain.program import Kind, Stage
from vm_service.domain.sentences import beginning

WRITER: Final = "vm-service"
UNTOLD: Final = Failure(step="unknown", reason="no reason was recorded")
LONGEST: Final = 2000  # characters of a foreign text that are passed on


def announcement(machine: Machine, *, tofu: bool = False) -> Event | None:
    """Return the fact that a settled machine stands for; asked again, it is said again."""
    match machine.stage:
        case Stage.READY:
            return _ready(machine, tofu=tofu)
        case Stage.OFF | Stage.OBSERVED | Stage.TEMPLATE | Stage.GONE:
            return _standing(machine)
        case Stage.FAILED | Stage.BLOCKED:
            return _failed(machine)
        case Stage.WORKING | Stage.RELEASED:
            return None


def _standing(machine: Machine) -> Event:
    server, operation = machine.server_id, machine.operation_id
    match machine.stage:
        case Stage.OFF:
            node, vmid = machine.place
            return VMStopped(server_id=server, operation_id=operation, vmid=vmid, node=node)
        case Stage.TEMPLATE:
            return _templated(machine)
        case Stage.OBSERVED:
            return VMObserved(server_id=server, operation_id=operation, power=machine.power)
        case _:
            return VMDeleted(server_id=server, operation_id=operation, vmid=machine.vmid)


def _failed(machine: Machine) -> Event:
    server, operation = machine.server_id, machine.operation_id
    failure = machine.failure or UNTOLD
    if machine.stage is Stage.BLOCKED:
        return VMRemovalBlocked(
            server_id=server,
            operation_id=operation,
            vmid=machine.vmid or 0,
            reason=failure.reason,
            remedy=failure.remedy or "remove the VM by hand, then delete the server again",
        )
    return VMFailed(
        server_id=server,
        operation_id=operation,
        step=failure.step,
        reason=failure.reason,
        remedy=failure.remedy,
        power=machine.power,
        rollback=machine.kind is Kind.ROLLBACK,
    )


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
        kind=cast("Brought", machine.kind.value),
    )


def _templated(machine: Machine) -> VMTemplated:
    node, vmid = machine.place
    assert machine.home is not None
    return VMTemplated(
        server_id=machine.server_id,
        operation_id=machine.operation_id,
        vmid=vmid,
        node=node,
        base=machine.home.template,
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
        """Return all that is said: lines before facts, so that a log is whole at its end.

        Of a release nothing: its operation has ended, and its log with it.
        """
        if self.machine.kind is Kind.RELEASE:
            return ()
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
    entry.line(step, beginning(entry.machine))
    entry.facts.append(step_changed(entry.machine, step, "running"))


def go_on(entry: Entry) -> None:
    """Tell that a step which had begun is taken up again."""
    step = entry.machine.step
    assert step is not None
    entry.machine = replace(entry.machine, attempt=entry.machine.attempt + 1)
    entry.line(step, "Going on after an interruption")
    entry.facts.append(step_changed(entry.machine, step, "running"))
