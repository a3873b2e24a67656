"""The site the recordings were made on: its storages, people and templates."""

from typing import Final

from proxmox_lab.site.broadcast import Told
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
_LATER: Final = ("extra", "guest", "noagent", "sshkeys", "backup")  # made after the main one
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
    if source in _LATER:
        blank.config["description"] = "via ticket"
    if (major, source) == (9, "guest"):
        debian.config["description"] = "x"
    for machine in (blank, debian, *_left_over(major, source)):
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


def _left_over(major: int, source: str) -> list[Machine]:
    """What the main run had left when the later ones were made."""
    if source not in ("extra", "guest"):
        return []
    slow = [_slow()] if (major, source) == (9, "guest") else []
    return [_renamed(), _scratch(), *slow]


def _own(machine: Machine) -> Machine:
    """Turn a template back into a plain machine with disks of its own."""
    old, new = f"base-{machine.vmid}-", f"vm-{machine.vmid}-"
    del machine.config["template"]
    machine.config["scsi0"] = machine.config["scsi0"].replace(old, new)
    machine.volumes = {name.replace(old, new): v for name, v in machine.volumes.items()}
    return machine


def _renamed() -> Machine:
    machine = _own(cloud_template(201, "renamed", size=8 * GIB, now=CTIME))
    machine.config["boot"] = "cdn"
    return machine


def _scratch() -> Machine:
    machine = cloud_template(300, "scratch", size=GIB, now=CTIME)
    machine.config |= {"cores": "2", "memory": "512"}
    for key in ("serial0", "vga", "agent", "ide2"):
        del machine.config[key]
    return machine


def _slow() -> Machine:
    """The clone that had been slow in the run before."""
    return _own(cloud_template(235, "slow", size=2 * GIB, now=CTIME, cores=2))


def told_before(*, major: int, source: str) -> Told:
    """What the daemons had last told of machines that were gone when the session began."""
    if (major, source) != (9, "extra"):
        return {}
    memory = 1 << 30
    slow = {
        "name": "slow", "status": "running", "template": 0, "uptime": 343,
        "cpu": 0, "maxcpu": 2, "maxmem": memory, "mem": memory, "memhost": memory,
        "maxdisk": 2 * GIB, "disk": 0, "diskread": 0, "diskwrite": 0, "netin": 220, "netout": 0,
    }  # fmt: skip
    return {235: slow}
