"""The life of a run: what brings one server up inside its guest.

    waiting -> connecting -> playing -> checking -> done
                    |           |          |
                    +-----------+----------+------> failed
    cancelled: from anywhere, and never left by the operation that was cancelled

A run may be begun anew at every step (its process died, say); ``attempt`` counts how often.
A row in ``cancelled`` without a VM is a tombstone: the removal overtook the request.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from common.contracts import events as evt
from common.contracts.base import now
from common.contracts.ids import new_id

Outcome = evt.ServerReady | evt.ServerFailed


class Stage(StrEnum):
    """What a run does next, or how it ended."""

    WAITING = "waiting"
    CONNECTING = "connecting"
    PLAYING = "playing"
    CHECKING = "checking"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


NEXT_STAGE: Final[Mapping[Stage, Stage]] = {
    Stage.WAITING: Stage.CONNECTING,
    Stage.CONNECTING: Stage.PLAYING,
    Stage.PLAYING: Stage.CHECKING,
    Stage.CHECKING: Stage.DONE,
}

STEP: Final[Mapping[Stage, str]] = {
    Stage.CONNECTING: "ssh",
    Stage.PLAYING: "playbook",
    Stage.CHECKING: "ready",
}

SETTLED: Final = frozenset({Stage.DONE, Stage.FAILED, Stage.CANCELLED})
UNSETTLED: Final = tuple(stage for stage in Stage if stage not in SETTLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run. ``host_keys`` are the guest's proven keys, or those pinned at first use."""

    server_id: str
    operation_id: str
    vm: evt.VMReady | None
    stage: Stage = Stage.WAITING
    attempt: int = 0
    host_keys: tuple[str, ...] = ()
    outcome: Outcome | None = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.stage in SETTLED

    @property
    def step(self) -> str:
        """The step's name as the operation shows it."""
        return STEP[self.stage]

    def same_work_as(self, other: "Run") -> bool:
        """Whether the other is this run, at the same step."""
        return (self.operation_id, self.stage) == (other.operation_id, other.stage)

    def begun(self) -> "Run":
        """Take up the step that is due, for the first time or again."""
        if self.stage is Stage.WAITING:
            return replace(self, stage=Stage.CONNECTING, attempt=1)
        return replace(self, attempt=self.attempt + 1)

    def advanced(self, *, host_keys: tuple[str, ...] | None = None) -> "Run":
        """The step succeeded."""
        keys = self.host_keys if host_keys is None else host_keys
        return replace(self, stage=NEXT_STAGE[self.stage], attempt=0, host_keys=keys)

    def settled(self, outcome: Outcome) -> "Run":
        """The run ended with this outcome."""
        stage = Stage.DONE if isinstance(outcome, evt.ServerReady) else Stage.FAILED
        return replace(self, stage=stage, outcome=outcome)


def on_ready(known: Run | None, event: evt.VMReady) -> Run | None:
    """Return the run a ready VM starts, or None if it starts none."""
    if known is not None and event.operation_id <= known.operation_id:
        return None  # asked again, too old, or overtaken by its removal
    return Run(
        server_id=event.server_id,
        operation_id=event.operation_id,
        vm=event,
        host_keys=event.host_keys,
    )


def on_removal(known: Run | None, event: evt.RemovalRequested) -> Run | None:
    """Return the run as a removal leaves it (perhaps a tombstone), or None if it is too late."""
    if known is None:
        return Run(
            server_id=event.server_id,
            operation_id=event.operation_id,
            vm=None,
            stage=Stage.CANCELLED,
        )
    if event.operation_id < known.operation_id:
        return None
    return replace(known, operation_id=event.operation_id, stage=Stage.CANCELLED, outcome=None)


def again(outcome: Outcome) -> Outcome:
    """Return the same fact as a new event, for whoever asks again."""
    return outcome.model_copy(update={"id": new_id("event"), "time": now()})
