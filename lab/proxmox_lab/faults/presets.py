"""The troubles people ask for by name: what Proxmox, its network and its guests really do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

WRITES: Final = "POST|PUT|DELETE"
LOCK: Final = "can't lock file '/var/lock/qemu-server/lock-{machine}.conf' - got timeout"
_NO_SPACE: Final = "qemu-img: error while writing at byte 1073741824: No space left on device"
_COPY_FAILED: Final = (
    "clone failed: copy failed: command '/usr/bin/qemu-img convert -p -n -f qcow2 -O qcow2' "
    "failed: exit code 1"
)


@dataclass(frozen=True, slots=True)
class Preset:
    """A fault with a name; ``note`` says what it stands for."""

    note: str
    rule: Mapping[str, Any]


def _answer(status: int, note: str, **more: object) -> Preset:
    return Preset(note, {"action": "answer", "status": status, **more})


def _task(action: str, note: str, **more: object) -> Preset:
    return Preset(note, {"action": action, **more})


PRESETS: Final[Mapping[str, Preset]] = {
    "lock-timeout": _answer(
        500, "a change waits ten seconds for the machine's lock, then is refused",
        method=WRITES, path=r"/(config|resize)$", reason=LOCK, seconds=10.0,
    ),
    "task-lock-timeout": _task(
        "fail", "a task waits ten seconds for the machine's lock, then fails",
        lines=("trying to acquire lock...",), text=LOCK, seconds=10.0,
    ),
    "locked": _answer(
        500, "the template is locked by a backup", method="POST", path="/clone$",
        reason="VM is locked (backup)",
    ),
    "id-taken": _answer(
        500, "somebody has the id already", method="POST", path="/clone$",
        reason="unable to create VM {machine}: config file already exists",
    ),
    "server-error": _answer(500, "500, whatever was asked", reason="internal error"),
    "unavailable": _answer(503, "503, as a proxy in front says it"),
    "broken-pipe": _answer(596, "596 Broken pipe with an empty body: a worker died or is busy"),
    "no-route": _answer(595, "595 No route to host with an empty body", seconds=3.1),
    "bad-weather": _answer(
        500, "one request in five gets 500, 502, 503, 595, 596 or 599",
        statuses=(500, 502, 503, 595, 596, 599), probability=0.2,
    ),
    "no-quorum": _answer(
        500, "the cluster has lost its quorum: reading works, writing does not",
        method=WRITES, reason="cluster not ready - no quorum?",
    ),
    "token-revoked": _answer(401, "401 after three seconds: the token counts no more"),
    "privilege-missing": _task("deny", "one privilege is taken away", privilege="VM.Clone"),
    "answer-lost": _task("drop", "it is done, and the answer is lost", method=WRITES),
    "connection-lost": _task("drop", "the connection is cut, nothing is done", executed=False),
    "answer-late": _task(
        "delay", "it is done, and the answer comes two minutes later",
        method=WRITES, seconds=120.0, executed=True,
    ),
    "html": _task("garble", "200 with an HTML page, after it was done", body="html"),
    "truncated": _task("garble", "200 with half of the JSON, after it was done", body="truncated"),
    "huge": _task("garble", "200 with ten megabytes, after it was done", body="huge"),
    "slow-task": _task("slow", "a task takes a minute longer", seconds=60.0),
    "dead-worker": _task(
        "die", "the clone's worker is killed half-way: `unexpected status`, `lock: clone` stays",
        task="qmclone",
    ),
    "late-dead-worker": _task(
        "die", "as dead-worker, but name and description are there already", task="qmclone",
        late=True,
    ),
    "warnings": _task(
        "warn", "the task ends well, with WARNINGS: 1",
        text="no physical CD-ROM available, ignoring",
    ),
    "storage-full": _task(
        "fail", "no space is left while the clone is copied",
        task="qmclone", lines=(_NO_SPACE,), text=_COPY_FAILED,
    ),
    "stranger": _task(
        "squat", "a foreign machine takes the id just before the clone", method="POST",
        path="/clone$", count=1,
    ),
    "stranger-in-task": _task(
        "race", "a foreign machine takes the id after the clone was accepted", task="qmclone",
        count=1,
    ),
    "node-down": _task("down", "the node loses power: its guests and tasks are gone"),
    "node-unreachable": _task("down", "nobody reaches the node; all goes on there", power=False),
    "certificate-changes": _task("recertify", "another certificate, of the same authority"),
    "authority-changes": _task(
        "recertify", "another certificate, of another authority", authority="other"
    ),
    "agent-silent": _task("silence", "the guest agent never answers"),
    "ignores-shutdown": _task("deafen", "the guest does not hear that it is to power off"),
    "ssh-never-up": _task("lockout", "nobody listens on the guest's SSH port"),
    "host-key-changes": _task("rekey", "the agent tells another host key than SSH shows"),
    "forbidden-address": _task("mislead", "the guest says that it is 127.0.0.1"),
    "metadata-address": _task(
        "mislead", "the guest says that it is 169.254.169.254", address="169.254.169.254"
    ),
    "node-address": _task("mislead", "the guest says that it is its node", address="node"),
    "other-address": _task("mislead", "the guest says that it is another guest", address="other"),
}  # fmt: skip
