"""The site of a fresh lab: a node, storages, a pool, one template and a token with least rights."""

import secrets
import uuid
from dataclasses import dataclass
from typing import Final

from proxmox_lab.site.nodes import named_nodes
from proxmox_lab.site.people import AclEntry, Token, User, hashed
from proxmox_lab.site.site import Rules, Site
from proxmox_lab.site.things import Machine, Pool, Storage, Volume

GIB: Final = 1 << 30
OWNER: Final = "spawnyard@pve"
CLIENT: Final = "yard"
POOL: Final = "spawnyard"
LOCAL: Final = "vmdata"
SHARED: Final = "shared"
TEMPLATE_ID: Final = 9000
TEMPLATE_NAME: Final = "debian-13-cloud"
_AGENT_RIGHTS: Final = {
    8: ["VM.Monitor"],
    9: ["VM.GuestAgent.Audit", "VM.GuestAgent.FileRead"],
}
_MACHINE_RIGHTS: Final = [
    "VM.Allocate", "VM.Audit", "VM.Clone", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Network",
    "VM.Config.Options", "VM.Config.Cloudinit", "VM.Config.Disk", "VM.PowerMgmt",
    "VM.Snapshot", "VM.Backup", "Pool.Audit",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Credentials:
    """A token as a client needs it."""

    token_id: str
    secret: str


def fresh_site(*, major: int, now: int, nodes: int = 1) -> tuple[Site, Credentials]:
    """Lay out a new site and return it with the token made for the product."""
    secret = str(uuid.uuid4())
    rules = Rules(
        nodes=named_nodes(nodes),
        storages=_storages(nodes),
        pools={POOL: Pool(comment="machines of Spawnyard")},
        users={
            "root@pam": User(password_hash=hashed(secrets.token_urlsafe(24))),
            OWNER: User(tokens={CLIENT: Token(secret_hash=hashed(secret))}),
        },
        roles={
            "YardMachines": _MACHINE_RIGHTS + _AGENT_RIGHTS[major],
            "YardTemplates": ["VM.Audit", "VM.Clone"],
            "YardStorage": ["Datastore.AllocateSpace", "Datastore.Audit"],
            "YardNetwork": ["SDN.Use"],
        },
        ticket_key=secrets.token_hex(32),
    )
    _grant(rules, f"/pool/{POOL}", "YardMachines")
    _grant(rules, f"/vms/{TEMPLATE_ID}", "YardTemplates")
    for storage in rules.storages:
        _grant(rules, f"/storage/{storage}", "YardStorage")
    _grant(rules, "/sdn/zones/localnetwork/vmbr0", "YardNetwork")
    site = Site(rules)
    place = SHARED if nodes > 1 else LOCAL
    template = cloud_template(TEMPLATE_ID, TEMPLATE_NAME, size=2 * GIB, now=now, storage=place)
    template.config["cpu"] = "x86-64-v2-AES"  # as a careful administrator would
    site.machines[template.vmid] = template
    return site, Credentials(token_id=f"{OWNER}!{CLIENT}", secret=secret)


def _storages(nodes: int) -> dict[str, Storage]:
    """Several nodes share one storage, where the template lies: so each of them can clone it."""
    alone = {
        "local": Storage(
            path="/var/lib/vz", content=["iso", "vztmpl", "backup", "snippets", "images"]
        ),
        LOCAL: Storage(path="/var/lib/vz2", content=["images", "rootdir"]),
    }
    both = Storage(
        path=f"/mnt/pve/{SHARED}", content=["images", "rootdir"], type="nfs", shared=True
    )
    return alone | ({SHARED: both} if nodes > 1 else {})


def _grant(rules: Rules, path: str, role: str) -> None:
    token = f"{OWNER}!{CLIENT}"
    rules.acl.append(AclEntry(path=path, kind="user", who=OWNER, role=role))
    rules.acl.append(AclEntry(path=path, kind="token", who=token, role=role))


def cloud_template(
    vmid: int, name: str, *, size: int, now: int, cores: int = 1, storage: str = LOCAL
) -> Machine:
    """Describe a cloud image turned into a template: disk, cloud-init drive, agent."""
    disk = f"{storage}:{vmid}/base-{vmid}-disk-0.qcow2"
    seed = f"{storage}:{vmid}/vm-{vmid}-cloudinit.qcow2"
    return Machine(
        vmid=vmid,
        template=name,
        config={
            "name": name, "template": "1", "agent": "enabled=1", "boot": "order=scsi0",
            "cores": str(cores), "memory": str(512 * cores), "ostype": "l26",
            "ide2": f"{seed},media=cdrom", "meta": f"creation-qemu=9.2.0,ctime={now}",
            "net0": f"virtio={random_mac()},bridge=vmbr0", "scsihw": "virtio-scsi-single",
            "scsi0": f"{disk},size={size // GIB}G", "serial0": "socket", "vga": "serial0",
            "smbios1": f"uuid={uuid.uuid4()}", "vmgenid": str(uuid.uuid4()),
        },
        volumes={
            disk: Volume(vmid=vmid, size=size, ctime=now, used=size // 3),
            seed: Volume(vmid=vmid, size=4 << 20, ctime=now),
        },
    )  # fmt: skip


def random_mac() -> str:
    """Roll a MAC address with Proxmox's own prefix."""
    return ":".join(["BC", "24", "11", *(f"{byte:02X}" for byte in secrets.token_bytes(3))])
