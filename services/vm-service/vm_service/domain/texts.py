"""The one table of Proxmox's error texts. The first row whose pattern is found decides.

A text without a row is a ``FAULT``, tried a few times; a contract test holds a row for every
failure that was ever recorded of a real Proxmox.
"""

from collections.abc import Mapping
from typing import Final

from vm_service.domain.verdict import Verdict

Row = tuple[str, Verdict, str | None]

SETTINGS: Final = "correct the hypervisor's settings, or create what is missing in Proxmox"
SPACE: Final = "free space on the storage of the template, or choose a plan with a smaller disk"
UNLOCK: Final = (
    "wait for the task that works on the VM; if there is none: qm unlock <VM id>, as root on its "
    "node, and try again"
)
NO_SNAPSHOTS: Final = (
    "an update needs a way back: move the servers' disks to a storage that can make snapshots "
    "(ZFS, LVM-thin, Ceph RBD, Btrfs, or qcow2 images on a directory or NFS)"
)
START_LOG: Final = (
    "see the start task's log in Proxmox; bridge, memory and CPU type are the usual reasons"
)
MISTAKE: Final = "this is a mistake of the vm-service: please report it with this text"

THE_VM: Final[tuple[Row, ...]] = (
    (r"quit/powerdown failed|cannot shutdown|guest-shutdown", Verdict.DEAF, None),
    (r"config file already exists", Verdict.TAKEN, None),
    (r"(VM|CT) \d+ already exists", Verdict.TAKEN, None),
    (r"atomic file .* failed: File exists", Verdict.TAKEN, None),
    (r"Configuration file .* does not exist", Verdict.ABSENT, None),
    (r"unable to find configuration file for (VM|CT)", Verdict.ABSENT, None),
    (r"no such VM|VM '?\d+'? does not exist|unable to find VM", Verdict.ABSENT, None),
    (r"already running", Verdict.ALREADY, None),
    (r"is running - destroy failed", Verdict.RUNNING, None),
    (r"(VM|CT) \d+ (is )?not running", Verdict.NOT_RUNNING, None),
)

THE_GUEST: Final[tuple[Row, ...]] = (
    (r"guest agent is not running", Verdict.NOT_YET, None),
    (r"Invalid parameter 'pid'", Verdict.REFUSED, MISTAKE),
    (r"Agent error|guest-\S+ command|qga command", Verdict.NOT_YET, None),
    (
        r"No QEMU guest agent configured",
        Verdict.REFUSED,
        "enable the guest agent in the template: qm set <template> --agent 1",
    ),
)

LOCKS: Final[tuple[Row, ...]] = (
    (r"no quorum|cluster not ready", Verdict.UNKNOWN, None),
    (r"is locked \((snapshot|snapshot-delete|rollback)\)", Verdict.BUSY, UNLOCK),
    (r"can't lock file|got lock request timeout|is locked \(|acquire lock", Verdict.BUSY, None),
    (r"checksum mismatch|-locked command timed out", Verdict.BUSY, None),
    (r"Unit \S+ (already exists|was already loaded)", Verdict.BUSY, None),
    (r"storage '[^']*' is not (online|available)", Verdict.BUSY, None),
    (r"Temporary failure in name resolution", Verdict.BUSY, None),
)

TASKS: Final[tuple[Row, ...]] = (
    (r"unexpected status|unable to (read tail|get last line)", Verdict.UNKNOWN, None),
    (r"no such task|interrupted by signal|received interrupt", Verdict.UNKNOWN, None),
    (r"^job errors$", Verdict.FAULT, "see the task's log in Proxmox"),
)

DISKS: Final[tuple[Row, ...]] = (
    (
        r"[Nn]o space left|out of (disk )?space|not enough (free )?space|[Dd]isk quota exceeded"
        r"|[Ii]nsufficient free (space|extents)|[Ii]nsufficient space",
        Verdict.REFUSED,
        SPACE,
    ),
    (
        r"is still in use by linked clone",
        Verdict.REFUSED,
        "remove the VMs that were cloned from it first",
    ),
    (
        r"Linked clone feature is not supported",
        Verdict.REFUSED,
        "turn the VM into a template (qm template), on a storage that can do linked clones",
    ),
    (r"not allowed for linked clones|shrinking disks|resize a cdrom", Verdict.REFUSED, MISTAKE),
    (r"disk '[^']*' does not exist|disk image '[^']*' already exists", Verdict.REFUSED, MISTAKE),
    (r"can't clone (VM )?to ", Verdict.REFUSED, SETTINGS),
    (r"wrong content type|not support vm images", Verdict.REFUSED, SETTINGS),
    (r"volume '[^']*' does not exist", Verdict.FAULT, None),  # NFS shows a new one late
    (r"cloud-init drive is already attached", Verdict.REFUSED, MISTAKE),
)

SNAPSHOTS: Final[tuple[Row, ...]] = (
    (
        r"snapshot feature is not available|snapshots? (is|are) not (implemented|supported)"
        r"|can't (snapshot|rollback snapshot for|delete snapshot for) this image format",
        Verdict.REFUSED,
        NO_SNAPSHOTS,
    ),
    (
        r"not most recent snapshot",
        Verdict.REFUSED,
        "remove the VM's snapshots that are newer than ours (qm listsnapshot, qm delsnapshot)",
    ),
    (r"rollback to incomplete snapshot", Verdict.REFUSED, "remove it: qm delsnapshot --force"),
    (r"(take|delete) a snapshot if", Verdict.REFUSED, MISTAKE),
)

START: Final[tuple[Row, ...]] = (
    (
        r"MAX \d+ vcpus allowed",
        Verdict.REFUSED,
        "choose a plan with fewer cores than the node has",
    ),
    (r"[Cc]annot allocate memory|[Oo]ut of memory", Verdict.FAULT, "free memory on the node"),
    (r"you can't start a vm if it's a template|to a template", Verdict.REFUSED, MISTAKE),
    (r"QEMU exited with code", Verdict.FAULT, START_LOG),
)

THE_SITE: Final[tuple[Row, ...]] = (
    (
        r"SSH public key validation error",
        Verdict.REFUSED,
        "put one OpenSSH public key, without comment lines, into SPAWNYARD_SSH_PUBLIC_KEY_FILE",
    ),
    (
        r"protection mode enabled",
        Verdict.REFUSED,
        "switch the VM's protection off in Proxmox, then delete the server again",
    ),
    (
        r"(storage|bridge|pool|role) '[^']*' does not exist|no such cluster node"
        r"|hostname lookup '|no sdn vnet",
        Verdict.REFUSED,
        SETTINGS,
    ),
    (r"used in HA resources", Verdict.REFUSED, "take the VM out of Proxmox's HA resources"),
)

MISTAKES: Final[tuple[Row, ...]] = (
    (r"[Oo]nly root (can|may)|no options specified|balloon value", Verdict.REFUSED, MISTAKE),
    (r"invalid bootorder|snapshot '[^']*' does not exist", Verdict.REFUSED, MISTAKE),
    (r"snapshot name '|reserved name|no rule at position", Verdict.REFUSED, MISTAKE),
    (r"^(Job|create \w+ failed).* already|no such user|user name", Verdict.REFUSED, MISTAKE),
    (r"malformed JSON|Not a HASH|^400 Parameter", Verdict.REFUSED, MISTAKE),
)

REST: Final[tuple[Row, ...]] = (
    (r"got timeout|timed? ?out|qmp socket", Verdict.BUSY, None),
    (r"qmp command '|command '.*' failed|RRD error|^download failed", Verdict.FAULT, None),
)

TEXTS: Final[tuple[Row, ...]] = (
    *THE_VM,
    *THE_GUEST,
    *LOCKS,
    *TASKS,
    *DISKS,
    *SNAPSHOTS,
    *START,
    *THE_SITE,
    *MISTAKES,
    *REST,
)

# Not Proxmox's own words but a proxy's, or a node's that asked another in vain.
SILENT: Final = frozenset({301, 302, 303, 307, 308, 502, 503, 504, 595, 596, 597, 598, 599})

STATUSES: Final[Mapping[int, Verdict]] = {
    400: Verdict.REFUSED,
    401: Verdict.DENIED,
    403: Verdict.DENIED,
    429: Verdict.BUSY,
    501: Verdict.REFUSED,
    506: Verdict.REFUSED,
    **dict.fromkeys(SILENT, Verdict.UNKNOWN),
}
