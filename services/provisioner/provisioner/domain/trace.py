"""What is remembered of a playbook run while it goes on, within bounds whatever it says."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from common.contracts.logs import LogLine
from common.contracts.servers import TaskTiming
from provisioner.domain.play import FAILURES, TaskEvent

LAST_LINES: Final = 20
MOST_TIMINGS: Final = 100
MOST_OUTPUT: Final = 20_000_000  # bytes of log one run may fill
LINE_COST: Final = 200  # bytes a line takes beside its text
TIMED: Final = FAILURES | {"ok", "changed"}


@dataclass(slots=True, kw_only=True)
class Trace:
    """The task under way (``doing``), how long the ones before took, and what was told last."""

    doing: str = ""
    failure: TaskEvent | None = None
    last: deque[str] = field(default_factory=lambda: deque[str](maxlen=LAST_LINES))
    left: int = MOST_OUTPUT
    _timings: list[TaskTiming] = field(default_factory=list[TaskTiming])

    def note(self, event: TaskEvent) -> None:
        """Remember what an event tells of the run."""
        if event.kind == "started":
            self.doing = event.task
        if event.kind in FAILURES and not event.ignored:
            self.failure = event
        if event.kind in TIMED and event.seconds is not None:
            self._timings.append(_timing(event))
            if len(self._timings) > MOST_TIMINGS:
                self._timings.remove(min(self._timings, key=lambda timing: timing.seconds))

    def admitted(self, line: LogLine) -> LogLine | None:
        """Return the line, or once in its place that the rest is not kept, or after that None."""
        self.last.append(line.text)
        if self.left <= 0:
            return None
        self.left -= len(line.text.encode()) + LINE_COST
        if self.left > 0:
            return line
        told = f"truncated: this run said more than {MOST_OUTPUT // 1_000_000} MB"
        return line.model_copy(update={"level": "warning", "text": told})

    @property
    def timings(self) -> tuple[TaskTiming, ...]:
        """The tasks in their order; of very many the longest."""
        return tuple(self._timings)


def _timing(event: TaskEvent) -> TaskTiming:
    seconds = round(max(0.0, event.seconds or 0.0), 3)
    return TaskTiming(task=event.task, seconds=seconds, changed=event.kind == "changed")
