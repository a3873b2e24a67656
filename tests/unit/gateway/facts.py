"""Facts of every kind, about nothing in particular."""

from typing import Any, Final

from common.contracts import events as evt
from common.contracts.servers import Endpoint, Plan, ServerSpec
from tests.fakes.gateway import MOMENT

SPEC: Final = ServerSpec(
    name="mine",
    game="blocks",
    game_version="1.2.3",
    plan=Plan(name="small", cores=1, memory_mib=1024, disk_gib=8),
)
ABOUT: Final[Any] = {"server_id": "srv_1", "operation_id": "op_1"}
STEP: Final = evt.StepChanged(step="start", state="running", **ABOUT)
READY: Final = evt.ServerReady(host="h", ports=(), connect="h:1", versions={"game": "5"}, **ABOUT)
VM_READY: Final = evt.VMReady(
    vmid=1,
    node="pve",
    endpoint=Endpoint(address="10.0.0.2", ssh_host="h", ssh_port=22, public_host="h"),
    host_keys=("k",),
    host_key_policy="agent",
    spec=SPEC,
    deadline=MOMENT,
    **ABOUT,
)
VM_FAILED: Final = evt.VMFailed(step="clone", reason="no space", remedy="add space", **ABOUT)
SERVER_FAILED: Final = evt.ServerFailed(
    step="playbook", reason="broken", last_lines=("fatal: x",), **ABOUT
)
RESTORED: Final = evt.ServerRestored(host="h", ports=(), connect="h:1", **ABOUT)
NOT_BACK: Final = evt.VMFailed(step="rollback", reason="no room", rollback=True, **ABOUT)
NOT_UP_AGAIN: Final = evt.ServerFailed(step="ready", reason="silent", rollback=True, **ABOUT)
VM_STOPPED: Final = evt.VMStopped(vmid=1, node="pve", **ABOUT)
SEALED: Final = evt.GuestSealed(**ABOUT)
VM_TEMPLATED: Final = evt.VMTemplated(vmid=1, node="pve", base=9000, **ABOUT)
VM_DELETED: Final = evt.VMDeleted(**ABOUT)
BLOCKED: Final = evt.VMRemovalBlocked(vmid=9, reason="locked", remedy="qm unlock 9", **ABOUT)


def vm_failed(power: str) -> evt.VMFailed:
    """A change that failed, and how it left the VM."""
    return evt.VMFailed.model_validate({**ABOUT, "step": "start", "reason": "no", "power": power})


def vm_observed(power: str) -> evt.VMObserved:
    """How the VM stands after a cancellation."""
    return evt.VMObserved.model_validate({**ABOUT, "power": power})
