"""Structured logging: one JSON object a line on standard error, secrets masked."""

import json
import logging
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

_bound: ContextVar[dict[str, str]] = ContextVar("bound", default={})  # noqa: B039  never mutated

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

MASK: Final = "[masked]"
SECRET_NAMES: Final = re.compile(
    r"password|secret|token|authorization|private_key|ticket", re.IGNORECASE
)
SECRET_TEXTS: Final = (
    re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]+"),  # JSON web tokens
    re.compile(r"(?<=PVEAPIToken=)\S+"),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),  # credentials in URLs
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL),
    re.compile(r"(?i)(?<=password=)\S+|(?<=password: )\S+|(?<=bearer )[\w.~+/-]{8,}"),
)


def masked(text: str) -> str:
    """Return the text with everything that looks like a credential replaced."""
    for pattern in SECRET_TEXTS:
        text = pattern.sub(MASK, text)
    return text


@contextmanager
def bind(**fields: str) -> Generator[None]:
    """Add fields (an operation's id, say) to every line logged inside the block."""
    token = _bound.set({**_bound.get(), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


class JsonFormatter(logging.Formatter):
    """Turns a record into one JSON line with the bound fields and the ``extra`` ones."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; values under secret-looking names are masked."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": masked(record.getMessage()),
            **_bound.get(),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD and not name.startswith("_"):
                line[name] = MASK if SECRET_NAMES.search(name) else masked(str(value))
        if record.exc_info:
            line["exception"] = masked(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def configure(*, service: str, level: str = "INFO") -> None:
    """Send everything that is logged in this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx", "httpcore", "asyncssh", "urllib3", "aiosqlite"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
