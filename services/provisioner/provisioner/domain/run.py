"""The life of a run: what brings one server up inside its guest.

    waiting -> connecting -> playing -> checking -> done
                    |           |          |
                    +-----------+----------+------> failed
    cancelled: from anywhere, and never left by the operation that was cancelled

A run may be begun anew at every step (its process died, say); ``attempt`` counts how often.
A row in ``cancelled`` may be a tombstone: the removal or cancellation overtook the request.
What is known of the guest outlives a run, until the VM is removed: its host keys, and what was
last applied to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from common.contracts import events as evt
from common.contracts.base import now
from common.contracts.ids import new_id
from common.contracts.servers import ServerSpec, TaskTiming

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

MERE_STARTS: Final = frozenset({"start", "restart"})  # they ask for nothing inside the guest

SETTLED: Final = frozenset({Stage.DONE, Stage.FAILED, Stage.CANCELLED})
UNSETTLED: Final = tuple(stage for stage in Stage if stage not in SETTLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run.

    ``host_keys`` are the guest's proven keys, or those pinned at first use. ``applied`` is what
    the last playbook on this guest applied to its end; none while one is under way, and after
    one that was not finished. ``unfinished``: one before this run's was not. ``timings`` are
    those of this run's playbook.
    """

    server_id: str
    operation_id: str
    vm: evt.VMReady | None
    stage: Stage = Stage.WAITING
    attempt: int = 0
    host_keys: tuple[str, ...] = ()
    outcome: Outcome | None = None
    applied: ServerSpec | None = None
    unfinished: bool = False
    timings: tuple[TaskTiming, ...] = ()

    @property
    def has_nothing_to_play(self) -> bool:
        """Whether the guest is as it should be already, and only has to come up."""
        vm = self.vm
        return vm is not None and vm.kind in MERE_STARTS and vm.spec == self.applied

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
        plays = self.stage is Stage.PLAYING and not self.has_nothing_to_play
        applied = None if plays else self.applied
        return replace(self, attempt=self.attempt + 1, applied=applied)

    def advanced(
        self,
        *,
        host_keys: tuple[str, ...] | None = None,
        timings: tuple[TaskTiming, ...] | None = None,
    ) -> "Run":
        """The step succeeded; what is given became known by it."""
        after = replace(self, stage=NEXT_STAGE[self.stage], attempt=0)
        if host_keys is not None:
            after = replace(after, host_keys=host_keys)
        if timings is not None:
            after = replace(after, timings=timings)
        if self.stage is Stage.PLAYING and self.vm is not None:
            after = replace(after, applied=self.vm.spec)
        return after

    def settled(self, outcome: Outcome) -> "Run":
        """The run ended with this outcome."""
        stage = Stage.DONE if isinstance(outcome, evt.ServerReady) else Stage.FAILED
        return replace(self, stage=stage, outcome=outcome)


def on_ready(known: Run | None, event: evt.VMReady) -> Run | None:
    """Return the run a ready VM starts, or None if it starts none."""
    if known is not None and event.operation_id <= known.operation_id:
        return None  # asked again, too old, or overtaken by its removal
    started = Run(
        server_id=event.server_id,
        operation_id=event.operation_id,
        vm=event,
        host_keys=event.host_keys,
    )
    if known is None or event.kind == "deploy":
        return started
    return replace(
        started,
        # What the guest's agent tells is the truth; without it, what was proven or pinned before.
        host_keys=event.host_keys or known.host_keys,
        applied=known.applied,
        unfinished=known.applied is None,
    )


def has_new_keys(known: Run | None, event: evt.VMReady) -> bool:
    """Tell whether a VM we know has other host keys than it used to."""
    if known is None or event.kind == "deploy" or not event.host_keys:
        return False
    return bool(known.host_keys) and not set(known.host_keys) & set(event.host_keys)


def on_removal(known: Run | None, event: evt.RemovalRequested) -> Run | None:
    """Return the run as a removal leaves it (perhaps a tombstone), or None if it is too late."""
    cancelled = _cancelled(known, event)
    return cancelled and replace(cancelled, host_keys=(), applied=None)


def on_cancel(known: Run | None, event: evt.CancelRequested) -> Run | None:
    """Return the run as a cancellation leaves it; the VM, and what is known of it, stay."""
    return _cancelled(known, event)


def _cancelled(known: Run | None, event: evt.RemovalRequested | evt.CancelRequested) -> Run | None:
    operation = event.operation_id
    if known is None:
        return Run(
            server_id=event.server_id, operation_id=operation, vm=None, stage=Stage.CANCELLED
        )
    if operation < known.operation_id:
        return None
    return replace(known, operation_id=operation, stage=Stage.CANCELLED, outcome=None)


def again(outcome: Outcome) -> Outcome:
    """Return the same fact as a new event, for whoever asks again."""
    return outcome.model_copy(update={"id": new_id("event"), "time": now()})
