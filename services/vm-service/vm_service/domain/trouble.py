"""What a refusal of Proxmox means, in one table, and how long each kind is put up with.

Proxmox tells what is wrong only by text: in the HTTP reason phrase, or as the last line of a
task. Status codes help little (a missing VM is a 500). The first row that matches decides.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Verdict(StrEnum):
    """What a refusal means for the step that met it."""

    BUSY = "busy"  # somebody holds a lock: again, in a while
    UNKNOWN = "unknown"  # it may have happened or not: look, then decide
    FAULT = "fault"  # a text we do not know: a few tries
    DENIED = "denied"  # our token may not do this
    REFUSED = "refused"  # it can never succeed
    TAKEN = "taken"  # the VM id is in use
    ABSENT = "absent"  # there is no such VM
    ALREADY = "already"  # it is as we want it
    RUNNING = "running"  # the VM runs and should not
    NOT_RUNNING = "not running"  # the VM should run and does not
    NOT_YET = "not yet"  # the guest is still booting


class Trouble(Exception):
    """Something outside did not go well; what it means is judged already."""

    def __init__(self, verdict: Verdict, text: str, remedy: str | None = None) -> None:
        super().__init__(text)
        self.verdict = verdict
        self.text = text
        self.remedy = remedy


TEXTS: Final[tuple[tuple[str, Verdict, str | None], ...]] = (
    (r"config file already exists", Verdict.TAKEN, None),
    (r"VM \d+ already exists", Verdict.TAKEN, None),
    (r"atomic file .* failed: File exists", Verdict.TAKEN, None),
    (r"Configuration file .* does not exist", Verdict.ABSENT, None),
    (r"unable to find configuration file for VM", Verdict.ABSENT, None),
    (r"already running", Verdict.ALREADY, None),
    (r"is running - destroy failed", Verdict.RUNNING, None),
    (r"guest agent is not running", Verdict.NOT_YET, None),
    (r"Agent error|guest-\S+ command", Verdict.NOT_YET, None),
    (
        r"No QEMU guest agent configured",
        Verdict.REFUSED,
        "enable the guest agent in the template: qm set <template> --agent 1",
    ),
    (r"VM \d+ (is )?not running", Verdict.NOT_RUNNING, None),
    (r"can't lock file|got lock request timeout|is locked \(|acquire lock", Verdict.BUSY, None),
    (r"checksum mismatch|-locked command timed out", Verdict.BUSY, None),
    (r"no quorum|cluster not ready", Verdict.UNKNOWN, None),
    (r"unexpected status|unable to (read tail|get last line)", Verdict.UNKNOWN, None),
    (r"no such task|interrupted by signal|received interrupt", Verdict.UNKNOWN, None),
    (
        r"[Nn]o space left|out of (disk )?space|not enough (free )?space|[Dd]isk quota exceeded",
        Verdict.REFUSED,
        "free space on the storage of the template, or choose a plan with a smaller disk",
    ),
    (
        r"Linked clone feature is not supported",
        Verdict.REFUSED,
        "turn the VM into a template (qm template), on a storage that can do linked clones",
    ),
    (
        r"SSH public key validation error",
        Verdict.REFUSED,
        "put one OpenSSH public key, without comment lines, into SPAWNYARD_SSH_PUBLIC_KEY_FILE",
    ),
    (
        r"MAX \d+ vcpus allowed",
        Verdict.REFUSED,
        "choose a plan with fewer cores than the node has",
    ),
    (
        r"protection mode enabled",
        Verdict.REFUSED,
        "switch the VM's protection off in Proxmox, then delete the server again",
    ),
    (r"you can't start a vm if it's a template|shrinking disks", Verdict.REFUSED, None),
    (
        r"(storage|bridge|pool) '[^']*' does not exist|no such cluster node",
        Verdict.REFUSED,
        "correct the vm-service's settings, or create what is missing in Proxmox",
    ),
    (r"got timeout|timed? ?out", Verdict.BUSY, None),
)

STATUSES: Final[Mapping[int, Verdict]] = {
    400: Verdict.REFUSED,
    401: Verdict.DENIED,
    403: Verdict.DENIED,
    429: Verdict.BUSY,
    501: Verdict.REFUSED,
    502: Verdict.UNKNOWN,
    503: Verdict.UNKNOWN,
    504: Verdict.UNKNOWN,
    595: Verdict.UNKNOWN,
    596: Verdict.UNKNOWN,
    597: Verdict.UNKNOWN,
    598: Verdict.UNKNOWN,
    599: Verdict.UNKNOWN,
}

_COMPILED: Final = tuple((re.compile(text), verdict, remedy) for text, verdict, remedy in TEXTS)
_MISSING: Final = re.compile(r"Permission check failed(?: \((?P<path>/[^,]*), (?P<privs>[^)]*)\))?")
_CHECK_LOGIN: Final = "check SPAWNYARD_PROXMOX_TOKEN_ID and SPAWNYARD_PROXMOX_TOKEN_SECRET"


def judge(text: str, *, status: int | None = None) -> Trouble:
    """Say what a refusal means. ``status`` is the HTTP status; none for the end of a task."""
    if status == 401:  # noqa: PLR2004  HTTP's own number
        return Trouble(Verdict.DENIED, f"Proxmox refused our token: {text}", _CHECK_LOGIN)
    if denied := _MISSING.search(text):
        return Trouble(Verdict.DENIED, text, _grant(denied["path"], denied["privs"]))
    known = STATUSES.get(status or 0, Verdict.FAULT)
    if known is not Verdict.UNKNOWN:  # else the text is not Proxmox's but a gateway's
        for pattern, verdict, remedy in _COMPILED:
            if pattern.search(text):
                return Trouble(verdict, text, remedy)
    return Trouble(known, text)


def _grant(path: str | None, privileges: str | None) -> str:
    if path is None:
        return "give user and token the role described in the guide to connecting a Proxmox"
    return f"grant {privileges} on {path} to the user and to its token"
