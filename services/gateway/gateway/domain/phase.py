"""The life of a server: its phases, what leads from one to another, what is allowed in which.

requested -> provisioning -> running <-----------------+
|             |           |   ^                    |
|             |           v   |                    |
|             |     stopping  starting, restarting, changing
|             |           |   ^                    |
|             |           v   |                    |
|             |          stopped <-----------------+
+-------------+--> failed       any of these when something goes wrong
+-------------+--> deleted      the deployment was cancelled
deleting -> deleted

Where a template is baked, provisioning leads to ``template``, and that to deleting.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal

from common.contracts import events as evt
from common.contracts.base import Event
from gateway.domain.kind import Kind


class Phase(StrEnum):
    """Where a server is in its life."""

    REQUESTED = "requested"
    PROVISIONING = "provisioning"
    RUNNING = "running"
    STOPPED = "stopped"
    STARTING = "starting"
    STOPPING = "stopping"
    RESTARTING = "restarting"
    CHANGING = "changing"
    TEMPLATE = "template"
    FAILED = "failed"
    DELETING = "deleting"
    DELETED = "deleted"


class DeploymentFailed:
    """The deployment ended without a running server."""


class DeploymentCancelled:
    """The deployment was called off and everything is taken back."""


class RemovalFailed:
    """The removal ended and the VM may still be there."""


class LeftRunning:
    """A change ended early; the VM runs."""


class LeftStopped:
    """A change ended early; the VM is off."""


class LeftBroken:
    """A change ended early; the VM stands nobody knows how, or the game in it does not answer."""


Outcome = (
    DeploymentFailed | DeploymentCancelled | RemovalFailed | LeftRunning | LeftStopped | LeftBroken
)

LEFT: Final[Mapping[Literal["running", "stopped", "unknown"], Outcome]] = {
    "running": LeftRunning(),
    "stopped": LeftStopped(),
    "unknown": LeftBroken(),
}

# Phases in which an operation that can be pre-empted is active.
IN_CHANGE: Final = (Phase.STARTING, Phase.STOPPING, Phase.RESTARTING, Phase.CHANGING)

NEXT_PHASE: Final[Mapping[tuple[Phase, type[Event | Outcome]], Phase]] = {
    (Phase.REQUESTED, evt.VMReady): Phase.PROVISIONING,
    (Phase.REQUESTED, evt.ServerReady): Phase.RUNNING,  # overtook VMReady
    (Phase.PROVISIONING, evt.ServerReady): Phase.RUNNING,
    (Phase.REQUESTED, DeploymentFailed): Phase.FAILED,
    (Phase.PROVISIONING, DeploymentFailed): Phase.FAILED,
    (Phase.REQUESTED, DeploymentCancelled): Phase.DELETED,
    (Phase.PROVISIONING, DeploymentCancelled): Phase.DELETED,
    (Phase.REQUESTED, evt.VMTemplated): Phase.TEMPLATE,
    (Phase.PROVISIONING, evt.VMTemplated): Phase.TEMPLATE,
    (Phase.STARTING, evt.ServerReady): Phase.RUNNING,
    (Phase.RESTARTING, evt.ServerReady): Phase.RUNNING,
    (Phase.CHANGING, evt.ServerReady): Phase.RUNNING,
    (Phase.CHANGING, evt.ServerRestored): Phase.RUNNING,
    (Phase.STOPPING, evt.VMStopped): Phase.STOPPED,
    (Phase.CHANGING, evt.VMStopped): Phase.STOPPED,
    **{(phase, LeftRunning): Phase.RUNNING for phase in IN_CHANGE},
    **{(phase, LeftStopped): Phase.STOPPED for phase in IN_CHANGE},
    **{(phase, LeftBroken): Phase.FAILED for phase in IN_CHANGE},
    (Phase.DELETING, evt.VMDeleted): Phase.DELETED,
    (Phase.DELETING, RemovalFailed): Phase.FAILED,
    (Phase.FAILED, evt.VMDeleted): Phase.DELETED,  # the removal was refused, and succeeded later
}

# What tells that a server has a VM that can be worked with, or has none. One whose removal was
# asked for is lost: the vm-service never turns back.
HAS_VM: Final[Mapping[type[Event | Outcome], bool]] = {
    evt.VMReady: True,
    evt.ServerReady: True,
    evt.ServerRestored: True,
    evt.VMStopped: True,
    evt.VMTemplated: False,  # nothing can be switched on any more
    evt.VMDeleted: False,
    RemovalFailed: False,
}

# Facts that a server depends on; all others concern its operation alone.
HEARD: Final = frozenset(kind for _, kind in NEXT_PHASE) | frozenset(HAS_VM)

# Which operation may begin in which phase, and the phase it begins. Where the server has no VM
# only a deletion may. An operation that is active keeps all others from beginning, except those
# that pre-empt it.
BEGINS: Final[Mapping[Kind, Mapping[Phase, Phase]]] = {
    Kind.START: dict.fromkeys((Phase.STOPPED, Phase.FAILED), Phase.STARTING),
    Kind.STOP: dict.fromkeys((Phase.RUNNING, Phase.FAILED), Phase.STOPPING),
    Kind.RESTART: dict.fromkeys((Phase.RUNNING, Phase.FAILED), Phase.RESTARTING),
    Kind.KILL: dict.fromkeys((Phase.RUNNING, Phase.FAILED, *IN_CHANGE), Phase.STOPPING),
    Kind.RESIZE: dict.fromkeys((Phase.RUNNING, Phase.STOPPED), Phase.CHANGING),
    Kind.RECONFIGURE: dict.fromkeys((Phase.RUNNING, Phase.STOPPED, Phase.FAILED), Phase.CHANGING),
    Kind.UPDATE: {Phase.RUNNING: Phase.CHANGING},
    Kind.DELETE: dict.fromkeys(
        (Phase.RUNNING, Phase.STOPPED, Phase.TEMPLATE, Phase.FAILED, *IN_CHANGE), Phase.DELETING
    ),
}
PRE_EMPTING: Final = frozenset({Kind.KILL, Kind.DELETE})

# What helps where an operation is refused because of the phase.
WAY_OUT: Final[Mapping[Phase, str]] = {
    Phase.REQUESTED: "Wait for the end of its deployment, or cancel that.",
    Phase.PROVISIONING: "Wait for the end of its deployment, or cancel that.",
    Phase.RUNNING: "Stop it first, or restart it.",
    Phase.STOPPED: "Start it first.",
    Phase.STARTING: "Wait until it runs, or cancel the operation.",
    Phase.STOPPING: "Wait until it has stopped, or kill it.",
    Phase.RESTARTING: "Wait until it runs again, or cancel the operation.",
    Phase.CHANGING: "Wait until it is changed, or cancel the operation.",
    Phase.TEMPLATE: "It is a template: deploy a server of its game, which is cloned from it.",
    Phase.FAILED: "Restart or stop it first.",
    Phase.DELETING: "It is on its way out: deploy a new one.",
}
# What is to be done where it already is as it was asked to be.
AS_IT_IS: Final[Mapping[tuple[Kind, Phase], str]] = {
    (Kind.START, Phase.RUNNING): "It is on already: restart it if it does not answer.",
    (Kind.STOP, Phase.STOPPED): "It is off already: there is nothing to do.",
    (Kind.KILL, Phase.STOPPED): "It is off already: there is nothing to do.",
}
NO_VM: Final = "It has no VM that could be used: delete it, and deploy it again."
