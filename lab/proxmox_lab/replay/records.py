"""Recorded exchanges, read from JSON lines (plain or gzip)."""

import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from math import inf
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlencode

FINAL: Final = "(final task status)"
_SECRET_HEADERS: Final = ("Authorization", "Cookie", "CSRFPreventionToken", "Content-Type")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One exchange as it was measured."""

    pve: str
    source: str
    id: int | str
    note: str
    method: str
    target: str  # raw path and query
    headers: dict[str, str]
    body: str | None
    status: int
    reason: str
    json: dict[str, Any] | None

    @property
    def data(self) -> dict[str, Any]:
        """What was answered, when it was an object."""
        found = (self.json or {}).get("data")
        return cast("dict[str, Any]", found) if isinstance(found, dict) else {}

    @property
    def is_final_status(self) -> bool:
        """Tell a task's status that was asked for until the task had ended."""
        return self.note.endswith(FINAL) or (
            "/tasks/" in self.target
            and self.target.endswith("/status")
            and self.data.get("status") == "stopped"
        )

    @property
    def was_sent_on(self) -> bool:
        """Tell a request without TLS: to those alone it is said where TLS is spoken."""
        return self.status == HTTPStatus.MOVED_PERMANENTLY

    @property
    def is_glance(self) -> bool:
        """Tell a look at a task or machine that takes the recorded site no time."""
        return self.method == "GET" and self.path.endswith(("/log", "/status", "/status/current"))

    @property
    def has_exited(self) -> bool:
        """Tell a guest command's result, as opposed to its still running."""
        return "/exec-status" in self.path and "exitcode" in self.data

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


class Unreadable(Exception):
    """A file holds no records; the text names it, and the line that is none."""


def read(file: Path) -> list[Record]:
    """Read all records of a file."""
    try:
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode()
    except (OSError, EOFError, UnicodeDecodeError) as failure:
        raise Unreadable(f"{file} cannot be read: {failure}") from failure
    lines = enumerate(text.split("\n"), 1)
    return [_line(file, number, line) for number, line in lines if line.strip()]


def _line(file: Path, number: int, line: str) -> Record:
    try:
        return _record(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError) as failure:
        why = f"no {failure}" if isinstance(failure, KeyError) else str(failure)
        raise Unreadable(f"{file}, line {number} is not a record: {why}") from failure


def sessions(records: Iterable[Record]) -> Iterator[tuple[tuple[str, str], list[Record]]]:
    """Group records by release and source, in the order they were made."""

    def place(record: Record) -> tuple[str, str]:
        return record.pve, record.source

    for key, group in groupby(sorted(records, key=place), key=place):
        yield key, sorted(group, key=_number)


def _number(record: Record) -> float:
    """Records whose id is no number stay in the order of the file, at the end."""
    text = str(record.id)
    return int(text) if text.isdecimal() else inf


def _record(raw: dict[str, Any]) -> Record:
    """Read one line; what only helps a reader may be missing."""
    request, response = raw["request"], raw["response"]
    query = request.get("raw_query") or _encoded(request.get("query"))
    headers = cast("dict[str, str]", request.get("headers") or {})
    body = request.get("body")
    return Record(
        pve=raw["pve"],
        source=raw.get("source") or "main",
        id=raw["id"],
        note=raw.get("note") or "",
        method=request["method"],
        target=request["path"] + (f"?{query}" if query else ""),
        headers={k: v for k, v in headers.items() if k in _SECRET_HEADERS},
        body=_encoded(request.get("form")) if body is None else body,
        status=response["status"],
        reason=response["reason"],
        json=response.get("json"),
    )


def _encoded(fields: Mapping[str, Any] | None) -> str | None:
    return urlencode(fields, doseq=True) if fields else None


def template_path(path: str) -> tuple[str, ...]:
    """Cut a recorded path into parts below the API's root."""
    return tuple(part for part in re.sub(r"^/api2/\w+", "", path).split("/") if part)
