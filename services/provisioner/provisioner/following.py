"""Follows a playbook run: log lines, progress, and what to say if it fails."""

from collections.abc import Sequence
from dataclasses import dataclass

from provisioner.domain.errors import StepFailed
from provisioner.domain.game import Game
from provisioner.domain.play import PlayEnded, TaskEvent, line, plain, reason, remedy
from provisioner.domain.secrets import masked
from provisioner.domain.trace import LAST_LINES
from provisioner.task import Task


@dataclass(slots=True, kw_only=True)
class Follower:
    """Hears every event of one run of the game's playbook."""

    task: Task
    game: Game
    secrets: Sequence[str]
    _started: int = 0

    async def tell(self, event: TaskEvent) -> None:
        """Take in one event, in the order in which they happened."""
        event = event.model_copy(update={"task": masked(event.task, self.secrets)})
        trace = self.task.trace
        trace.note(event)
        told = trace.admitted(line(event, attempt=self.task.run.attempt, secrets=self.secrets))
        if told is not None:
            self.task.write(told)
        if event.kind == "started" and not event.is_handler:
            await self._progress(event)

    async def _progress(self, event: TaskEvent) -> None:
        self._started += 1
        total = max(self.game.tasks, self._started)
        detail = f"task {self._started} of {total}: {event.task}"
        await self.task.report((self._started - 1) / total, detail)

    def failure(self, ended: PlayEnded) -> StepFailed:
        """Return why the run did not succeed, for people."""
        trace = self.task.trace
        why = plain(reason(trace.failure, ended, doing=trace.doing), secrets=self.secrets)
        said = (plain(text, secrets=self.secrets) for text in ended.output)
        lines = (*trace.last, *said) if trace.failure is None else tuple(trace.last)
        return StepFailed(why, remedy=remedy(why), last_lines=tuple(lines[-LAST_LINES:]))
