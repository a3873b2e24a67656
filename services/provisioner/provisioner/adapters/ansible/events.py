"""From ansible-runner's events to ours."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

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
LOOKED_AT: Final = 131_072  # characters of one text
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
        message=_message(kind, found or {"msg": event.get("stdout")}, secrets),
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
    # What a task fails of, and its playbook does not mind, is worth a word, too.
    if kind not in {"failed", "unreachable"} and not _is_forgiven(result):
        return ""
    failed = _culprit(result)
    parts = (
        failed.get("msg") or failed.get("censored"),
        failed.get("stderr") or failed.get("module_stderr"),
    )
    return " | ".join(_folded(str(part), secrets) for part in parts if part)[:MESSAGE_LIMIT]


def _is_forgiven(result: Mapping[str, Any]) -> bool:
    """Whether it would have failed but for what ``failed_when`` says; a code alone is no word."""
    return (
        result.get("failed_when_result") is False and bool(result.get("msg")) and "rc" not in result
    )


def _culprit(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what failed: of a loop, which itself says only that it did, its first bad item."""
    items: Any = result.get("results")  # a module may mean something else by it
    loop = cast("list[object]", items) if isinstance(items, list) else []
    told = (cast("dict[str, Any]", item) for item in loop if isinstance(item, dict))
    return next((item for item in told if item.get("failed")), result)


def _folded(text: str, secrets: Sequence[str]) -> str:
    """Return the text on one line, without secrets, and not endless.

    Masked before it is cut to its length: a half secret is one, too. Of a text so long that it
    is not even looked through, what may be a half secret is left out.
    """
    told = " ".join(masked(COLOUR.sub("", text[:LOOKED_AT]).strip(), secrets).split())
    if len(text) > LOOKED_AT:
        told = told[: len(told) - max(map(len, secrets), default=0)]
    # Bytes that were no text come as lone surrogates.
    return told[:MESSAGE_LIMIT].encode(errors="replace").decode()


def last_output(printed: Path, *, secrets: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the end of what ansible-playbook printed."""
    if not printed.exists():
        return ()
    with printed.open("rb") as file:
        file.seek(max(0, printed.stat().st_size - LOOKED_AT))
        text = file.read(LOOKED_AT).decode(errors="replace")
    lines = [line for line in masked(COLOUR.sub("", text), secrets).splitlines() if line.strip()]
    return tuple(line[:LINE_LIMIT] for line in lines[-OUTPUT_LINES:])
