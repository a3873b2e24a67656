"""What is said of a run while it goes on: steps, lines of the log, and its outcome."""

from typing import Final, Literal

from common.contracts import events as evt
from common.contracts.base import Message
from common.contracts.logs import Level, LogBatch, LogLine
from common.contracts.servers import TaskTiming
from provisioner.domain.errors import StepFailed
from provisioner.domain.play import latest, plain
from provisioner.domain.run import Run, Stage

WRITER: Final = "provisioner"
SEALED: Final = "what the game needs is there, and the guest has nothing of its own any more"
UNCHANGED: Final = "nothing has changed since it was last applied"

_BEGINS: Final = {
    Stage.CONNECTING: "waiting for the guest to answer over SSH",
    Stage.RESOLVING: "finding out which files the version is made of",
    Stage.PLAYING: "installing the game",
    Stage.CHECKING: "waiting for the game to answer",
}
_ENDS: Final = {
    Stage.CONNECTING: "logged in to the guest",
    Stage.RESOLVING: "it is known what exactly is to be installed",
    Stage.PLAYING: "the game is installed",
    Stage.CHECKING: "the game answers",
}


def how_it_begins(run: Run) -> list[Message]:
    """Return what is said about a step that begins, for the first time or again."""
    begun = _step(run, state="running", progress=0)
    if _is_skipped(run):
        return [begun]
    again = f" (attempt {run.attempt})" if run.attempt > 1 else ""
    return [begun, _batch(run, _line(run, "begun", f"{_BEGINS[run.stage]}{again}"))]


def on_its_way(run: Run, progress: float, detail: str) -> evt.StepChanged:
    """Return what is said about a step that has come this far (0 to 1)."""
    return _step(run, state="running", progress=progress, detail=detail)


def how_it_ended(before: Run, after: Run) -> list[Message]:
    """Return what is said about a step that has ended."""
    match after.outcome:
        case evt.ServerFailed() as failed:
            ended = _step(before, state="failed", detail=failed.reason)
            line = _line(before, "failed", f"failed: {failed.reason}", level="error")
        case _:
            detail = UNCHANGED if _is_skipped(before) else None
            ended = _step(before, state="succeeded", progress=1, detail=detail)
            said = SEALED if isinstance(after.outcome, evt.GuestSealed) else _ENDS[before.stage]
            line = _line(before, "succeeded", detail or said)
    messages: list[Message] = [ended, _batch(before, line)]
    if after.outcome is not None:
        messages.append(after.outcome)
    return messages


def failed(
    run: Run, failure: StepFailed, *, timings: tuple[TaskTiming, ...] = ()
) -> evt.ServerFailed:
    """Return the outcome of a run whose step cannot succeed."""
    return evt.ServerFailed(
        server_id=run.server_id,
        operation_id=run.operation_id,
        step=run.step,
        reason=plain(failure.reason),
        remedy=failure.remedy,
        last_lines=latest(failure.last_lines),
        timings=timings or run.timings,
        rollback=run.is_way_back,
    )


def keys_changed(run: Run) -> LogBatch:
    """Return the warning that a guest has other host keys than it used to."""
    text = "the guest has new host keys; its agent vouches for them, so they are trusted"
    line = LogLine(key="keys", level="warning", step="ssh", text=text)
    return _batch(run, line)


def _is_skipped(run: Run) -> bool:
    return run.stage is Stage.PLAYING and run.has_nothing_to_play


def _step(
    run: Run,
    *,
    state: Literal["running", "succeeded", "failed"],
    progress: float | None = None,
    detail: str | None = None,
) -> evt.StepChanged:
    return evt.StepChanged(
        server_id=run.server_id,
        operation_id=run.operation_id,
        step=run.step,
        state=state,
        attempt=run.attempt,
        progress=progress,
        detail=detail,
    )


def _line(run: Run, key: str, text: str, *, level: Level = "info") -> LogLine:
    return LogLine(key=f"{run.key}:{key}", level=level, step=run.step, text=plain(text))


def _batch(run: Run, *lines: LogLine) -> LogBatch:
    return LogBatch(stream_id=run.operation_id, server_id=run.server_id, writer=WRITER, lines=lines)
