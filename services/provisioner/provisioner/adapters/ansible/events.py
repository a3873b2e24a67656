"""From ansible-runner's events to ours."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from provisioner.domain.play import Kind, TaskEvent
from provisioner.domain.secrets import masked

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
LINE_LIMIT: Final = 1_000  # so that all of them fit into one line of our own output
COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")


def task_event(event: Mapping[str, Any], *, secrets: Sequence[str] = ()) -> TaskEvent | None:
    """Return what a person wants to know of an event, or None; no part of a secret."""
    kind = KINDS.get(event["event"])
    data: Mapping[str, Any] = event.get("event_data") or {}
    if kind is None:
        return None
    found: Mapping[str, Any] = data.get("res") or {}
    if kind == "ok" and _changed(event, found):
        kind = "changed"
    return TaskEvent(
        counter=event["counter"],
        kind=kind,
        task=masked(str(data.get("task") or data.get("name") or "?"), secrets)[:200],
        host=str(data.get("host") or ""),
        message=_message(kind, found, secrets),
        seconds=data.get("duration"),
        is_handler=event["event"] == "playbook_on_handler_task_start",
        ignored=bool(data.get("ignore_errors")),
    )


def _changed(event: Mapping[str, Any], result: Mapping[str, Any]) -> bool:
    if "censored" in result:  # no_log keeps all of the result back, but not what is printed
        return COLOUR.sub("", str(event.get("stdout", ""))).startswith("changed:")
    return bool(result.get("changed"))


def _message(kind: Kind, result: Mapping[str, Any], secrets: Sequence[str]) -> str:
    if kind == "retrying":
        return f"try {result.get('attempts', '?')} of {result.get('retries', '?')}"
    if kind not in {"failed", "unreachable"}:
        return ""
    parts = (
        result.get("msg") or result.get("censored"),
        result.get("stderr") or result.get("module_stderr"),
    )
    text = " | ".join(masked(str(part).strip(), secrets) for part in parts if part)
    # Masked first: a half secret is one, too. Bytes that were no text come as lone surrogates.
    return " ".join(text.split())[:MESSAGE_LIMIT].encode(errors="replace").decode()


def last_output(printed: Path, *, secrets: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the end of what ansible-playbook printed."""
    if not printed.exists():
        return ()
    text = masked(COLOUR.sub("", printed.read_text(errors="replace")), secrets)
    lines = [line for line in text.splitlines() if line.strip()][-OUTPUT_LINES:]
    return tuple(line[:LINE_LIMIT] for line in lines)
