"""Who is at work just now: known to everything that is done in somebody's name."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

LAB: Final = "lab"  # does what nobody asked for: guests that end, nodes that go down
STRANGER: Final = "stranger"  # whom a fault brings in
_WHO: ContextVar[str] = ContextVar("who", default=LAB)
_UPID: ContextVar[str | None] = ContextVar("upid", default=None)


def at_work(who: str, *, upid: str | None = None) -> None:
    """Say in whose name this goes on from here, and in which task."""
    _WHO.set(who)
    _UPID.set(upid)


@contextmanager
def as_somebody(who: str) -> Generator[None]:
    """Do something in another name."""
    before = _WHO.set(who)
    try:
        yield
    finally:
        _WHO.reset(before)


def who() -> str:
    """Return in whose name this goes on."""
    return _WHO.get()


def upid() -> str | None:
    """Return the task this belongs to, if any."""
    return _UPID.get()
