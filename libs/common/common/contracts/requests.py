"""What the gateway asks of the other services, as facts: "this was asked for"."""

from typing import Literal

from pydantic import AwareDatetime

from common.contracts.base import Event
from common.contracts.servers import ServerSpec


class DeploymentRequested(Event, frozen=True):
    """Gateway: this server was asked for. Asked again (new id) when it shows no progress."""

    type: Literal["deployment.requested.v1"] = "deployment.requested.v1"
    spec: ServerSpec
    deadline: AwareDatetime


class RemovalRequested(Event, frozen=True):
    """Gateway: stop all work on this server and remove its VM, whatever is going on."""

    type: Literal["removal.requested.v1"] = "removal.requested.v1"
    reason: Literal["deleted", "failed", "cancelled"]


Change = Literal["start", "stop", "restart", "kill", "resize", "reconfigure", "update"]


class ChangeRequested(Event, frozen=True):
    """Gateway: bring an existing server into this power state and shape.

    ``spec`` is what the server is to be from now on. ``force``: a restart that does not ask the
    guest. Asked again (new id) when it shows no progress.
    """

    type: Literal["change.requested.v1"] = "change.requested.v1"
    kind: Change
    spec: ServerSpec
    deadline: AwareDatetime
    force: bool = False


class CancelRequested(Event, frozen=True):
    """Gateway: let go of this operation and leave the server as it is."""

    type: Literal["cancel.requested.v1"] = "cancel.requested.v1"


class RollbackRequested(Event, frozen=True):
    """Gateway: take the VM back to what it was before this operation, an update, and run it.

    ``spec`` is what the server was, and is to be again. Asked again (new id) when nothing comes.
    """

    type: Literal["rollback.requested.v1"] = "rollback.requested.v1"
    spec: ServerSpec
    deadline: AwareDatetime


class SnapshotReleased(Event, frozen=True):
    """Gateway: this operation has ended; its snapshot, if it was an update, is of no use any more.

    Nor are those that former updates have left, if the game has answered since.
    """

    type: Literal["snapshot.released.v1"] = "snapshot.released.v1"
