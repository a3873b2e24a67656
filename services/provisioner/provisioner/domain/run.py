"""The life of a run: what brings one server up inside its guest.

    waiting -> connecting -> resolving -> playing -> checking -> done
                    |            |           |          |
                    +------------+-----------+----------+------> failed
    Where a template is baked, ``playing`` leads to done: there is no game to check.
    cancelled: from anywhere, and never left by the operation that was cancelled; one that is done
    stays so when but a change after it is called off

A run may be begun anew at every step (its process died, say); ``attempt`` counts how often.
A row in ``cancelled`` may be a tombstone: the removal or cancellation overtook the request.
What is known of the guest outlives a run, until the VM is removed: its host keys, what was last
applied to it, and of what exactly it was made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from common.contracts import events as evt
from common.contracts.servers import Lock, ServerSpec, TaskTiming

Outcome = evt.ServerReady | evt.ServerRestored | evt.ServerFailed | evt.GuestSealed


class Stage(StrEnum):
    """What a run does next, or how it ended."""

    WAITING = "waiting"
    CONNECTING = "connecting"
    RESOLVING = "resolving"
    PLAYING = "playing"
    CHECKING = "checking"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


NEXT_STAGE: Final[Mapping[Stage, Stage]] = {
    Stage.WAITING: Stage.CONNECTING,
    Stage.CONNECTING: Stage.RESOLVING,
    Stage.RESOLVING: Stage.PLAYING,
    Stage.PLAYING: Stage.CHECKING,
    Stage.CHECKING: Stage.DONE,
}

# After a VM went back to its snapshot there is nothing to install: it is as it was.
WAY_BACK: Final[Mapping[Stage, Stage]] = {Stage.CONNECTING: Stage.CHECKING}

STEP: Final[Mapping[Stage, str]] = {
    Stage.CONNECTING: "ssh",
    Stage.RESOLVING: "resolve",
    Stage.PLAYING: "playbook",
    Stage.CHECKING: "ready",
}

MERE_STARTS: Final = frozenset({"start", "restart"})  # they ask for nothing inside the guest

SETTLED: Final = frozenset({Stage.DONE, Stage.FAILED, Stage.CANCELLED})
UNSETTLED: Final = tuple(stage for stage in Stage if stage not in SETTLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run. ``former``: what was applied to the guest before this one, as far as is known.

    ``host_keys`` are the guest's proven keys, or those pinned at first use. ``applied`` is what
    the last playbook on this guest applied to its end; none while one is under way, and after
    one that was not finished. ``unfinished``: one before this run's was not. ``timings`` are
    those of this run's playbook. ``lock``: of what exactly the guest is made, or to be made.
    ``played``: the digest of the playbook that was last finished, as far as is known.
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
    lock: Lock | None = None
    former: ServerSpec | None = None
    played: str | None = None

    @property
    def is_way_back(self) -> bool:
        """Whether the VM has gone back to its snapshot, and only has to answer again."""
        return self.vm is not None and self.vm.kind == "rollback"

    @property
    def is_bake(self) -> bool:
        """Whether a template is made, which gets no game."""
        return self.vm is not None and self.vm.spec.purpose == "template"

    @property
    def left_the_game_running(self) -> bool:
        """Whether the playbook changed nothing: what the game said at its start may be long ago."""
        played = self.timings and not self.is_way_back
        return bool(played) and not any(timing.changed for timing in self.timings)

    @property
    def has_nothing_to_play(self) -> bool:
        """Whether the guest is as it should be already, and only has to come up."""
        vm, applied = self.vm, self.applied
        if vm is None or applied is None or vm.kind not in MERE_STARTS:
            return False
        lock = vm.spec.lock or applied.lock
        return vm.spec.model_copy(update={"lock": lock}) == applied

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.stage in SETTLED

    @property
    def step(self) -> str:
        """The step's name as the operation shows it."""
        return STEP[self.stage]

    @property
    def key(self) -> str:
        """What the keys of the step's log lines begin with, unlike those of any other step."""
        return f"{'back:' if self.is_way_back else ''}{self.step}:{self.attempt}"

    def same_work_as(self, other: "Run") -> bool:
        """Whether the other is this run, at the same step."""
        mine = (self.operation_id, self.is_way_back, self.stage)
        return mine == (other.operation_id, other.is_way_back, other.stage)

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
        lock: Lock | None = None,
        played: str | None = None,
    ) -> "Run":
        """The step succeeded; what is given became known by it."""
        ways = {**NEXT_STAGE, **WAY_BACK} if self.is_way_back else NEXT_STAGE
        stage = ways[self.stage]
        if stage is Stage.RESOLVING and self.has_nothing_to_play:
            stage = NEXT_STAGE[stage]  # what it is made of it has already
        after = replace(self, stage=stage, attempt=0)
        if host_keys is not None:
            after = replace(after, host_keys=host_keys)
        if timings is not None:
            after = replace(after, timings=timings)
        if lock is not None:
            after = replace(after, lock=lock)
        if played is not None:
            after = replace(after, played=played)
        if self.stage is Stage.PLAYING and self.vm is not None:
            spec = self.vm.spec.model_copy(update={"lock": after.lock})
            after = replace(after, applied=spec)
        return after

    def settled(self, outcome: Outcome) -> "Run":
        """The run ended with this outcome."""
        stage = Stage.FAILED if isinstance(outcome, evt.ServerFailed) else Stage.DONE
        return replace(self, stage=stage, outcome=outcome)
