"""What a playbook run tells while it goes on, and what is told people about it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import BaseModel, JsonValue

from common.contracts.logs import Level, LogLine
from provisioner.domain.secrets import masked

Kind = Literal["started", "ok", "changed", "skipped", "failed", "unreachable", "retrying"]


class TaskEvent(BaseModel, frozen=True):
    """Something that happened to a task. ``counter`` is unique within one attempt."""

    counter: int
    kind: Kind
    task: str
    host: str = ""
    message: str = ""
    seconds: float | None = None
    is_handler: bool = False
    ignored: bool = False


class PlayEnded(BaseModel, frozen=True):
    """The playbook is over and nothing of it runs any more."""

    status: str
    code: int
    output: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What is to be played. ``name`` names the lock that keeps plays of one server apart.

    ``secrets`` are texts that nothing told of the play may hold. ``hang``: so many seconds
    without a sign of life are too many. ``private_key``: the guest's own key, if it has one.
    ``login`` names the connection that others to the same guest may share. ``tags``: of tasks that
    are played only if asked for.
    """

    name: str
    playbook: str
    inventory: Mapping[str, JsonValue]
    variables: Mapping[str, JsonValue] = field(repr=False)
    known_hosts: str
    hang: float = 900.0
    private_key: str | None = field(default=None, repr=False)
    login: str | None = None
    tags: tuple[str, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)


BROKEN: Final = "broken"  # the status of a play whose process did not say how it ended
NOT_RUN: Final = -1  # in place of an exit code
KILLED: Final = "ERROR! Ansible was killed in the midst of its work"
HUNG: Final = "hung"  # the status of a play that gave no sign of life for too long
MINUTES_FROM: Final = 120  # seconds
LEVELS: Final[Mapping[Kind, Level]] = {
    "started": "info",
    "ok": "info",
    "changed": "info",
    "skipped": "debug",
    "failed": "error",
    "unreachable": "error",
    "retrying": "warning",
}
FAILURES: Final[frozenset[Kind]] = frozenset({"failed", "unreachable"})

TEXT_LIMIT: Final = 4_000
LARGEST: Final = 2**53  # more is no number to every reader of JSON
LAST_SIZE: Final = 65_536  # bytes of last lines that are told: the bus takes no endless message
# Surrogates stand for bytes that were no text; no encoder takes them.
CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

ANY_REMEDY: Final = (
    "Read the operation's log to its end: it holds the task's own words. Deploy again when what "
    "they name is put right."
)
REMEDIES: Final = (
    (
        r"no sign of life",
        "Look into the guest what it waits for (a download, a question). If the task truly takes "
        "so long, let the game's manifest allow more: `hang`.",
    ),
    (
        r"Ansible was killed",
        "Look whether the provisioner's host ran out of memory: then its kernel ends what is"
        " large. Ask again when it has room.",
    ),
    (
        r"resolv|Failed to fetch|unable to fetch|update apt cache|Failed to update apt",
        "The guest did not reach its package mirror. Check its gateway, name servers and firewall.",
    ),
    (
        r"No package matching|Unable to locate package",
        "The template's Debian does not have this package: games need Debian 13 or later.",
    ),
    (
        r"checksum",
        "The download is not the file that was promised. Check the mirror, then deploy again.",
    ),
    (
        r"Request failed|Connection failure|urlopen error",
        "The guest did not reach the download. Check its gateway, name servers and firewall.",
    ),
    (
        r"the output has been hidden",
        "The task handles a secret, so its words are kept back. Look at the guest's disk and logs.",
    ),
    (r"No space left", "Choose a plan with a larger disk and deploy again."),
    (r"Could not get lock", "Another package manager was busy in the guest; deploy again."),
    (
        r"Host key verification failed",
        "Somebody else answers at the guest's address. Check the network for duplicate addresses.",
    ),
    (
        r"unreachable|timed out|Connection refused|closed by remote",
        "The guest was lost in mid-work. Check the VM's console and its network; deploy again.",
    ),
)


def line(event: TaskEvent, *, attempt: int, secrets: Iterable[str]) -> LogLine:
    """Return the event as a line of the operation's log; the same event, the same key."""
    return LogLine(
        key=f"playbook:{attempt}:{event.counter}",
        level="warning" if event.ignored else LEVELS[event.kind],
        step="playbook",
        text=plain(_sentence(event), secrets=secrets),
    )


def _sentence(event: TaskEvent) -> str:
    if event.kind == "started":
        return f"{'handler' if event.is_handler else 'task'}: {event.task}"
    took = f" ({event.seconds:.1f} s)" if event.seconds is not None else ""
    message = f": {event.message}" if event.message else ""
    return f"{event.kind}: {event.task}{took}{message}"


def plain(text: str, *, secrets: Iterable[str] = ()) -> str:
    """Return text that is only text: no terminal codes, no secrets, not too long."""
    text = masked(text, secrets)
    text = CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]} … (truncated)"


def shown(answer: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return what a game says of itself as far as it can be told: it may say anything."""
    return {
        name: plain(it) if isinstance(it, str) else it
        for name, it in answer.items()
        if isinstance(it, str) or (isinstance(it, int | float) and abs(it) <= LARGEST)
    }


def latest(lines: Sequence[str], *, size: int = LAST_SIZE) -> tuple[str, ...]:
    """Return as many of the last lines as fit into ``size`` bytes."""
    kept: list[str] = []
    for text in reversed(lines):
        size -= len(text.encode())
        if size < 0:
            break
        kept.insert(0, text)
    return tuple(kept)


def remedy(message: str) -> str:
    """Return what a person can do about a failure."""
    for pattern, advice in REMEDIES:
        if re.search(pattern, message, re.IGNORECASE):
            return advice
    return ANY_REMEDY


def silence(seconds: float) -> str:
    """Say for how long nothing was heard."""
    told = f"{seconds / 60:.0f} min" if seconds >= MINUTES_FROM else f"{seconds:.0f} s"
    return f"no sign of life for {told}"


def reason(failed: TaskEvent | None, ended: PlayEnded, *, doing: str = "") -> str:
    """Say which task failed where and why; ``doing`` is the one that was under way."""
    if ended.status == HUNG:
        said = " ".join(ended.output)
        return f"task {doing!r} on the guest hangs: {said}" if doing else f"Ansible hangs: {said}"
    if failed is not None:
        host = failed.host or "the guest"
        return f"task {failed.task!r} {failed.kind} on {host}: {failed.message}"
    errors = [text for text in ended.output if "ERROR" in text]
    said = (*errors, *reversed(ended.output), ended.status)[0]
    under_way = f" in task {doing!r}" if doing else ""
    return f"the playbook could not be run{under_way} (code {ended.code}): {said}"
