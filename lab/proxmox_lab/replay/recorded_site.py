"""The site the recordings were made on: its storages, people and templates."""

from collections.abc import Callable, Mapping
from typing import Final

from proxmox_lab.site.nodes import Node
from proxmox_lab.site.people import AclEntry, Token, User, hashed
from proxmox_lab.site.seed import GIB, cloud_template
from proxmox_lab.site.site import Rules, Site
from proxmox_lab.site.things import Machine, Pool, Storage, Volume

LONG_AGO: Final = 1_000_000_000
CTIME: Final = 1_795_247_433
_AGENT: Final = {8: ["VM.Monitor"], 9: ["VM.GuestAgent.Audit", "VM.GuestAgent.Unrestricted"]}
_DEPLOYER: Final = [
    "Datastore.AllocateSpace", "Datastore.Audit", "Pool.Allocate", "Pool.Audit", "SDN.Use",
    "Sys.Audit", "VM.Allocate", "VM.Audit", "VM.Backup", "VM.Clone", "VM.Config.CDROM",
    "VM.Config.CPU", "VM.Config.Cloudinit", "VM.Config.Disk", "VM.Config.HWType",
    "VM.Config.Memory", "VM.Config.Network", "VM.Config.Options", "VM.Console", "VM.PowerMgmt",
    "VM.Snapshot", "VM.Snapshot.Rollback",
]  # fmt: skip
_LEFT: Final = {"extra": (201, 300), "guest": (201, 300)}
_TOKENS: Final = {
    "root@pam": {"full": (6, False, 0), "sep": (7, True, 0)},
    "deployer@pve": {"app": (1, False, 0), "old": (2, False, LONG_AGO), "sep": (3, True, 0)},
    "disabled@pve": {"tok": (4, False, 0)},
    "nobody@pve": {"tok": (5, False, 0)},
    "watcher@pve": {"tok": (8, False, 0)},
    "expired@pve": {},
}


def recorded_site(*, major: int, source: str) -> Site:
    """Lay the recorded site out. Later sources met what the main one had left."""
    images = ["iso", "vztmpl", "backup", "snippets", "images"]
    rules = Rules(
        nodes={
            "pve": Node(
                cpus=2,
                memory=25276502016,
                disk=270553174016,
                bridges={"vmbr0": "10.77.0.1/24"},
            )
        },
        storages={
            "local": Storage(path="/var/lib/vz", content=images),
            "vmdata": Storage(path="/var/lib/vz2", content=["images", "rootdir"]),
            "isoonly": Storage(path="/var/lib/vz3", content=["iso"]),
        },
        pools={"games": Pool(comment="game servers")},
        users={name: _user(name) for name in _TOKENS},
        roles={"Deployer": _DEPLOYER + _AGENT[major], "Watcher": ["VM.Audit"]},
        acl=[
            AclEntry(path="/", kind="user", who="deployer@pve", role="Deployer"),
            AclEntry(path="/vms", kind="user", who="watcher@pve", role="Watcher"),
        ],
        ticket_key="recorded",
    )
    site = Site(rules)
    blank, debian = _blank(), _debian()
    if source not in ("main", "flow"):
        blank.config["description"] = "via ticket"
    for machine in (blank, debian, *_left_over(source)):
        site.machines[machine.vmid] = machine
    return site


def _user(name: str) -> User:
    return User(
        password_hash=hashed(f"PASSWORD-OF-{name}"),
        enable=name != "disabled@pve",
        expire=LONG_AGO if name == "expired@pve" else 0,
        tokens={
            token: Token(
                secret_hash=hashed(f"00000000-0000-0000-0000-{number:012}"),
                privsep=separated,
                expire=expire,
            )
            for token, (number, separated, expire) in _TOKENS[name].items()
        },
    )


def _blank() -> Machine:
    return cloud_template(9000, "blank-template", size=GIB, now=CTIME)


def _debian() -> Machine:
    machine = cloud_template(9001, "debian12-cloud", size=2 * GIB, now=CTIME, cores=2)
    disk = "vmdata:9001/base-9001-disk-0.raw"
    machine.volumes = {
        disk: Volume(vmid=9001, size=2 * GIB, format="raw", ctime=CTIME, used=660303872),
        **{name: v for name, v in machine.volumes.items() if "cloudinit" in name},
    }
    machine.config |= {"scsi0": f"{disk},size=2G", "cpu": "qemu64", "kvm": "0"}
    return machine


def _left_over(source: str) -> list[Machine]:
    """What the main run had left when the later ones were made."""
    return [_plain(vmid) for vmid in _LEFT.get(source, ())]


def _plain(vmid: int) -> Machine:
    machine = cloud_template(vmid, "left", size=8 * GIB, now=CTIME)
    del machine.config["template"]
    machine.config["scsi0"] = machine.config["scsi0"].replace("base-", "vm-")
    machine.volumes = {n.replace("base-", "vm-"): v for n, v in machine.volumes.items()}
    return machine


def _forget_230(machines: dict[int, Machine]) -> None:
    machines.pop(230, None)


def _lock_201(machines: dict[int, Machine]) -> None:
    machines[201].config["lock"] = "backup"


def _unlock_201(machines: dict[int, Machine]) -> None:
    machines[201].config.pop("lock", None)


# What was done between the records, by the note of the record before which it shows.
INTERLUDES: Final[Mapping[tuple[str, str], Callable[[dict[int, Machine]], None]]] = {
    ("main", "clone of a non-template without full"): _forget_230,
    ("main", "start while locked"): _lock_201,
    ("main", "start with skiplock as root token"): _unlock_201,
}


PAUSES: Final[Mapping[tuple[str, str], float]] = {
    ("guest", "shutdown with agent"): 0.1,  # the reboot before it takes its time
}
