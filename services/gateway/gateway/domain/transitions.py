"""The states of operations, and for each kind the table of what leads from one to another.

    queued -> running -> succeeded
       |         |
       |         +-------------------> failed       a change: nothing is taken back
       +---------+--> failing -------> failed       a deployment: the VM is being taken back
       +---------+--> cancelling ----> cancelled    because the user said so
       +---------+-------------------> cancelled    a change: a kill or a deletion went first

An update goes back as a deployment does: not to nothing, but to the snapshot made before it.

An operation that has ended never changes its state again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from common.contracts import events as evt
from common.contracts.base import Event
from gateway.domain.failure import DeadlinePassed
from gateway.domain.kind import Kind


class State(StrEnum):
    """Where an operation is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    FAILING = "failing"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED: Final = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})
GOING_BACK: Final = frozenset({State.FAILING, State.CANCELLING})


class CancelAsked:
    """The user wants the operation to stop."""


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Another operation, that of id ``by``, does not wait for this one to end."""

    by: str


class WayBackFailed:
    """What a failure is heard as that happened while a VM was taken back to its snapshot."""


Trigger = Event | CancelAsked | DeadlinePassed | Overtaken
Table = Mapping[tuple[State, type[Trigger | WayBackFailed]], State]

_UNDER_WAY: Final = (State.QUEUED, State.RUNNING)


def _under_way(*triggers: type[Trigger], to: State) -> Table:
    return {(state, trigger): to for state in _UNDER_WAY for trigger in triggers}


DEPLOY: Final[Table] = {
    **_under_way(evt.StepChanged, evt.VMReady, to=State.RUNNING),
    **_under_way(evt.ServerReady, to=State.SUCCEEDED),  # may overtake all
    **_under_way(evt.VMFailed, evt.ServerFailed, DeadlinePassed, to=State.FAILING),
    **_under_way(CancelAsked, to=State.CANCELLING),
    (State.FAILING, evt.StepChanged): State.FAILING,
    (State.FAILING, CancelAsked): State.FAILING,  # it is going back already
    (State.FAILING, evt.VMDeleted): State.FAILED,
    (State.FAILING, evt.VMRemovalBlocked): State.FAILED,
    (State.FAILING, DeadlinePassed): State.FAILED,
    (State.CANCELLING, evt.StepChanged): State.CANCELLING,
    (State.CANCELLING, CancelAsked): State.CANCELLING,
    (State.CANCELLING, evt.VMDeleted): State.CANCELLED,
    (State.CANCELLING, evt.VMRemovalBlocked): State.FAILED,
    (State.CANCELLING, DeadlinePassed): State.FAILED,
}

# As a deployment; but what the guest's end of it is followed by, the vm-service does.
BAKE: Final[Table] = {
    **{(state, heard): to for (state, heard), to in DEPLOY.items() if heard is not evt.ServerReady},
    **_under_way(evt.GuestSealed, to=State.RUNNING),
    **_under_way(evt.VMTemplated, to=State.SUCCEEDED),
}

DELETE: Final[Table] = {
    **_under_way(evt.StepChanged, to=State.RUNNING),
    **_under_way(evt.VMDeleted, to=State.SUCCEEDED),
    **_under_way(evt.VMRemovalBlocked, DeadlinePassed, to=State.FAILED),
}

# A change that is being called off ends with a look at the VM, whatever else is heard of it: the
# facts of its own success may have crossed the cancellation, and the look tells the same.
_CALLED_OFF: Final[Table] = {
    **_under_way(CancelAsked, to=State.CANCELLING),
    **_under_way(Overtaken, to=State.CANCELLED),
    (State.CANCELLING, evt.StepChanged): State.CANCELLING,
    (State.CANCELLING, CancelAsked): State.CANCELLING,
    (State.CANCELLING, evt.VMObserved): State.CANCELLED,
    (State.CANCELLING, Overtaken): State.CANCELLED,
    (State.CANCELLING, DeadlinePassed): State.FAILED,
}


def _change(*done: type[Event]) -> Table:
    return {
        **_under_way(evt.StepChanged, to=State.RUNNING),
        **_under_way(*done, to=State.SUCCEEDED),
        **_under_way(evt.VMFailed, DeadlinePassed, to=State.FAILED),
    }


def _in_the_guest(*done: type[Event]) -> Table:
    return {
        **_change(*done),
        **_under_way(evt.VMReady, to=State.RUNNING),
        **_under_way(evt.ServerFailed, to=State.FAILED),
        **_CALLED_OFF,
    }


# A fact of the update itself may be told again while the way back has begun: it means nothing.
_TO_SNAPSHOT: Final[Table] = {
    **{
        (state, trigger): state
        for state in (State.FAILING, State.CANCELLING)
        for trigger in (evt.StepChanged, evt.VMReady, CancelAsked)
    },
    **{
        (state, trigger): State.FAILED
        for state in (State.FAILING, State.CANCELLING)
        for trigger in (WayBackFailed, DeadlinePassed)
    },
    (State.FAILING, evt.ServerRestored): State.FAILED,
    (State.FAILING, Overtaken): State.FAILED,
    (State.CANCELLING, evt.ServerRestored): State.CANCELLED,
    (State.CANCELLING, Overtaken): State.CANCELLED,
}
UPDATE: Final[Table] = {
    **_under_way(evt.StepChanged, evt.VMReady, to=State.RUNNING),
    **_under_way(evt.ServerReady, to=State.SUCCEEDED),
    **_under_way(evt.VMFailed, to=State.FAILED),  # before anything was done in the guest
    **_under_way(evt.ServerFailed, DeadlinePassed, to=State.FAILING),
    **_under_way(CancelAsked, to=State.CANCELLING),
    **_under_way(Overtaken, to=State.CANCELLED),
    **_TO_SNAPSHOT,
}

NEXT_STATE: Final[Mapping[Kind, Table]] = {
    Kind.DEPLOY: DEPLOY,
    Kind.DELETE: DELETE,
    Kind.START: _in_the_guest(evt.ServerReady),
    Kind.STOP: {**_change(evt.VMStopped), **_CALLED_OFF},
    Kind.RESTART: _in_the_guest(evt.ServerReady),
    Kind.KILL: _change(evt.VMStopped),  # over before it could be called off
    Kind.RESIZE: _in_the_guest(evt.ServerReady, evt.VMStopped),
    Kind.RECONFIGURE: _in_the_guest(evt.ServerReady, evt.VMStopped),
    Kind.UPDATE: UPDATE,
    Kind.BAKE: BAKE,
}


def heard_as(trigger: Trigger) -> type[Trigger | WayBackFailed]:
    """Return under what the tables hold a trigger."""
    if isinstance(trigger, evt.VMFailed | evt.ServerFailed) and trigger.rollback:
        return WayBackFailed
    return type(trigger)


def next_state(kind: Kind, state: State, trigger: Trigger) -> State | None:
    """Return where a trigger leads; none if it makes no difference any more."""
    return NEXT_STATE[kind].get((state, heard_as(trigger)))
