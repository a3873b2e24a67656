"""From ansible-runner's events to ours."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from provisioner.domain.play import Kind, TaskEvent

KINDS: Final[Mapping[str, Kind]] = {
    "playbook_on_task_start": "started",
    "playbook_on_handler_task_start": "started",
    "runner_on_ok": "ok",
    "runner_on_skipped": "skipped",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
    "runner_retry": "retrying",
}

MESSAGE_LIMIT: Final = 2_000
OUTPUT_LINES: Final = 20
COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")


def task_event(event: Mapping[str, Any]) -> TaskEvent | None:
    """Return what a person wants to know of an event, or None."""
    kind = KINDS.get(event["event"])
    data: Mapping[str, Any] = event.get("event_data") or {}
    if kind is None:
        return None
    found: Mapping[str, Any] = data.get("res") or {}
    if kind == "ok" and found.get("changed"):
        kind = "changed"
    return TaskEvent(
        counter=event["counter"],
        kind=kind,
        task=str(data.get("task") or data.get("name") or "?")[:200],
        host=str(data.get("host") or ""),
        message=_message(kind, found),
        seconds=data.get("duration"),
        is_handler=event["event"] == "playbook_on_handler_task_start",
        ignored=bool(data.get("ignore_errors")),
    )


def _message(kind: Kind, result: Mapping[str, Any]) -> str:
    if kind == "retrying":
        return f"try {result.get('attempts', '?')} of {result.get('retries', '?')}"
    if kind not in {"failed", "unreachable"}:
        return ""
    parts = (result.get("msg"), result.get("stderr") or result.get("module_stderr"))
    text = " | ".join(str(part).strip() for part in parts if part)
    return " ".join(text.split())[:MESSAGE_LIMIT]


def last_output(printed: Path) -> tuple[str, ...]:
    """Return the end of what ansible-playbook printed."""
    if not printed.exists():
        return ()
    text = COLOUR.sub("", printed.read_text(errors="replace"))
    return tuple(line for line in text.splitlines() if line.strip())[-OUTPUT_LINES:]
