"""What our token needs on Proxmox VE, and the commands that grant it: one table for all.

The doctor compares with it, ``yard setup proxmox`` prints it. PVE 9 has the guest agent's rights
by purpose; PVE 8 has ``VM.Monitor`` for them, which 9 does not know.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

AGENT: Final[Mapping[int, tuple[str, ...]]] = {
    8: ("VM.Monitor",),
    9: ("VM.GuestAgent.Audit", "VM.GuestAgent.FileRead"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role of ours. ``tolerated``: not needed, and no harm where this role is granted."""

    name: str
    needed: frozenset[str]
    tolerated: frozenset[str] = frozenset()
    asks_agents: bool = False

    def privileges(self, major: int) -> frozenset[str]:
        """Return what the role must hold on a release; one we do not know is like the next."""
        release = min(max(major, min(AGENT)), max(AGENT))
        return self.needed | (frozenset(AGENT[release]) if self.asks_agents else frozenset[str]())


MACHINES: Final = Role(
    name="YardVM",
    needed=frozenset(
        {
            "VM.Allocate",
            "VM.Audit",
            "VM.Clone",  # of the templates that we bake ourselves
            "VM.PowerMgmt",
            "VM.Snapshot",
            "Pool.Audit",
            "VM.Config.CPU",
            "VM.Config.Memory",
            "VM.Config.Network",
            "VM.Config.Options",
            "VM.Config.Cloudinit",
            "VM.Config.Disk",
        }
    ),
    tolerated=frozenset({"VM.Snapshot.Rollback", "VM.Backup", "VM.Console"}),
    asks_agents=True,
)
TEMPLATES: Final = Role(name="YardTemplate", needed=frozenset({"VM.Audit", "VM.Clone"}))
STORAGES: Final = Role(
    name="YardStore", needed=frozenset({"Datastore.AllocateSpace", "Datastore.Audit"})
)
NETWORKS: Final = Role(
    name="YardNet", needed=frozenset({"SDN.Use"}), tolerated=frozenset({"SDN.Audit"})
)
# Figures of the nodes, for placing VMs by free memory: worth it with several, never needed.
NODES: Final = Role(name="YardNode", needed=frozenset({"Sys.Audit"}))
ROLES: Final = (MACHINES, TEMPLATES, STORAGES, NETWORKS)


@dataclass(frozen=True, slots=True)
class Grant:
    """A role on a path."""

    role: Role
    path: str


def grants(
    *, pool: str, templates: Sequence[int], storages: Sequence[str], bridges: Sequence[str]
) -> tuple[Grant, ...]:
    """Return all that our token has to be granted, to do its work with these."""
    return (
        Grant(MACHINES, f"/pool/{pool}"),
        *(Grant(TEMPLATES, f"/vms/{vmid}") for vmid in templates),
        *(Grant(STORAGES, f"/storage/{name}") for name in storages),
        *(Grant(NETWORKS, f"/sdn/zones/localnetwork/{bridge}") for bridge in bridges),
    )


def role_command(role: Role, *, major: int, exists: bool = False) -> str:
    """Return the command that makes the role, or brings it up to date."""
    verb = "modify" if exists else "add"
    return f"pveum role {verb} {role.name} --privs {','.join(sorted(role.privileges(major)))}"


def grant_command(grant: Grant, *, token_id: str) -> str:
    """Return the command that gives the role to the user and the token: both have to have it."""
    user = token_id.partition("!")[0]
    return (
        f"pveum acl modify {shlex.quote(grant.path)} --roles {grant.role.name} "
        f"--users {shlex.quote(user)} --tokens {shlex.quote(token_id)}"
    )
