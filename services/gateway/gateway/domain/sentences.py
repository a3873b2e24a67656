"""What an operation's log says in the gateway's name, as it is accepted and as it moves on."""

from collections.abc import Callable, Mapping
from typing import Final

from common.contracts import events as evt
from common.contracts.logs import Level
from common.contracts.servers import Plan, ServerSpec
from gateway.domain.kind import Kind
from gateway.domain.operation import Operation
from gateway.domain.transitions import GOING_BACK, Overtaken, State, Trigger

Said = tuple[Level, str]


def accepted(operation: Operation) -> tuple[Said, ...]:
    """Return what is said when the operation has been accepted."""
    return (("info", _ACCEPTED[operation.kind](operation.spec)),)


def moved(before: Operation, after: Operation, trigger: Trigger) -> tuple[Said, ...]:
    """Return what is said when the operation has passed from one state to another."""
    say = _LINES.get(after.state)
    return say(before, after, trigger) if say else ()


def _size(plan: Plan) -> str:
    cores = "1 core" if plan.cores == 1 else f"{plan.cores} cores"
    return f"plan {plan.name} ({cores}, {plan.memory_mib} MiB memory, {plan.disk_gib} GiB disk)"


def _deployment_accepted(spec: ServerSpec) -> str:
    return (
        f"Deployment of {spec.name} accepted: {spec.game} {spec.game_version}, {_size(spec.plan)}."
    )


def _bake_accepted(spec: ServerSpec) -> str:
    return f"Baking of a template for {spec.game} {spec.game_version} accepted."


_ACCEPTED: Final[Mapping[Kind, Callable[[ServerSpec], str]]] = {
    Kind.DEPLOY: _deployment_accepted,
    Kind.DELETE: lambda spec: f"Deletion of {spec.name} accepted.",
    Kind.START: lambda spec: f"Start of {spec.name} accepted.",
    Kind.STOP: lambda spec: f"Stop of {spec.name} accepted: the guest is asked to shut down.",
    Kind.RESTART: lambda spec: f"Restart of {spec.name} accepted.",
    Kind.KILL: lambda spec: f"Kill of {spec.name} accepted: the guest is not asked.",
    Kind.RESIZE: lambda spec: f"Resize of {spec.name} accepted: {_size(spec.plan)}.",
    Kind.RECONFIGURE: lambda spec: f"Reconfiguration of {spec.name} accepted.",
    Kind.UPDATE: lambda spec: f"Update of {spec.name} accepted; a snapshot is made before it.",
    Kind.BAKE: _bake_accepted,
}


def _failing(_before: Operation, after: Operation, _trigger: Trigger) -> tuple[Said, ...]:
    return (*_why(after), ("info", _back(after)))


def _cancelling(_before: Operation, after: Operation, _trigger: Trigger) -> tuple[Said, ...]:
    return (("warning", f"Cancelling, as asked. {_back(after)}"),)


def _back(operation: Operation) -> str:
    if operation.kind is Kind.UPDATE:
        return "Taking the VM back to its snapshot."
    return "Letting go of the VM." if operation.is_change else "Taking the VM back."


def _succeeded(_before: Operation, after: Operation, trigger: Trigger) -> tuple[Said, ...]:
    match trigger:
        case evt.ServerReady():
            text = f"{after.spec.name} is running. Connect to {trigger.connect}"
        case evt.VMStopped():
            text = f"{after.spec.name} is stopped."
        case evt.VMTemplated():
            text = f"VM {trigger.vmid} on node {trigger.node} is a template for {after.spec.game}."
        case _:
            text = f"{after.spec.name} is deleted."
    return (("info", text),)


def _failed(before: Operation, after: Operation, trigger: Trigger) -> tuple[Said, ...]:
    if isinstance(trigger, evt.VMDeleted):
        what = "bake" if after.kind is Kind.BAKE else "deployment"
        return (("error", f"The {what} failed; the VM is removed."),)
    if isinstance(trigger, evt.ServerRestored):
        return (("error", f"The update failed. Rolled back: {after.spec.name} runs as before."),)
    if isinstance(trigger, Overtaken):
        return (("warning", f"Not rolled back: overtaken by {trigger.by}."),)
    return (*_why(after), ("warning", _what_is_left(before, after)))


def _what_is_left(before: Operation, after: Operation) -> str:
    if after.kind is Kind.UPDATE and before.state in GOING_BACK:
        return "The VM stays as it is, and its snapshot with it."
    if after.is_change:
        return "Nothing is taken back: the VM stays as it is."
    kept = after.kind is Kind.DEPLOY and before.state not in GOING_BACK
    return "The VM is kept, as asked." if kept else "The VM may still be there."


def _cancelled(_before: Operation, after: Operation, trigger: Trigger) -> tuple[Said, ...]:
    match trigger:
        case Overtaken():
            return (("warning", f"Cancelled: overtaken by {trigger.by}."),)
        case evt.ServerRestored():
            return (("info", f"Cancelled. Rolled back: {after.spec.name} runs as before."),)
        case evt.VMObserved():
            return (("info", f"Cancelled. {_POWER[trigger.power]}"),)
        case _:
            return (("info", "Cancelled. The VM is removed."),)


_POWER: Final[Mapping[str, str]] = {
    "running": "The VM runs.",
    "stopped": "The VM is off.",
    "unknown": "Whether the VM runs is not known.",
}


def _why(operation: Operation) -> tuple[Said, ...]:
    failure = operation.failure
    if failure is None:
        return ()
    place = f" at step {failure.step}" if failure.step else ""
    return (
        ("error", f"Failed{place}: {failure.detail}"),
        ("info", f"What helps: {failure.remedy}"),
    )


_LINES: Final[Mapping[State, Callable[[Operation, Operation, Trigger], tuple[Said, ...]]]] = {
    State.FAILING: _failing,
    State.CANCELLING: _cancelling,
    State.SUCCEEDED: _succeeded,
    State.FAILED: _failed,
    State.CANCELLED: _cancelled,
}
