"""``/cluster/firewall``: security groups, macros, and the indexes of both firewalls."""

from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.api import firewall_names as names
from proxmox_lab.api.firewall import (
    CLUSTER,
    HOST,
    ON_CLUSTER,
    ON_CONTAINER,
    ON_MACHINE,
    ON_NODE,
    Topic,
    Wall,
    mounted,
)
from proxmox_lab.call import Handler
from proxmox_lab.machines.firewall_rules import MACROS
from proxmox_lab.refusal import Refusal, invalid
from proxmox_lab.site.firewall import Group


async def groups(wall: Wall) -> list[dict[str, Any]]:
    """List the security groups."""
    found = wall.read()
    return [
        {"group": name, "digest": found.digest} | ({"comment": g.comment} if g.comment else {})
        for name, g in sorted(found.groups.items())
    ]


async def add_group(wall: Wall) -> None:
    """Make an empty security group, or call one otherwise."""
    changed, name, old = wall.changeable(), wall.call.text("group"), wall.call.text("rename")
    if old and old not in changed.groups:
        raise invalid({"group": f"Security group '{old}' does not exist"})
    if name in changed.groups and name != old:
        raise invalid({"group": f"Security group '{name}' already exists"})
    made = changed.groups.pop(old) if old else Group()
    changed.groups[name] = made.model_copy(update={"comment": wall.call.text("comment") or None})
    wall.write(changed)


async def remove_group(wall: Wall) -> None:
    """Remove a security group without rules."""
    changed, name = wall.changeable(), wall.call.text("group")
    if wall.rules_of(changed):
        raise Refusal(f"Security group '{name}' is not empty")
    del changed.groups[name]
    wall.write(changed)


async def macros(_: Wall) -> list[dict[str, Any]]:
    """List the macros."""
    return [{"macro": macro, "descr": f"{macro} traffic"} for macro in MACROS]


async def index(wall: Wall) -> list[dict[str, str]]:
    """Name what there is to a firewall."""
    own = ("groups", "macros") if wall.of == CLUSTER else ("log",)
    named = () if wall.of == HOST else ("aliases", "ipset", "refs")
    shown = ("rules", *named, "options", *own)
    return [{"name": name} for name in shown]


_NAMES: Final[Mapping[str, Topic]] = {
    "GET ": index,
    "GET /aliases": names.aliases,
    "POST /aliases": names.add_alias,
    "GET /aliases/{name}": names.alias,
    "PUT /aliases/{name}": names.change_alias,
    "DELETE /aliases/{name}": names.remove_alias,
    "GET /ipset": names.ipsets,
    "POST /ipset": names.add_ipset,
    "GET /ipset/{name}": names.entries,
    "POST /ipset/{name}": names.add_entry,
    "DELETE /ipset/{name}": names.remove_ipset,
    "GET /ipset/{name}/{cidr}": names.entry,
    "PUT /ipset/{name}/{cidr}": names.change_entry,
    "DELETE /ipset/{name}/{cidr}": names.remove_entry,
    "GET /refs": names.references,
}
_GROUPS: Final[Mapping[str, Topic]] = {
    "GET /groups": groups,
    "POST /groups": add_group,
    "DELETE /groups/{group}": remove_group,
    "GET /macros": macros,
}
ROUTES: Final[Mapping[str, Handler]] = {
    **mounted(_NAMES | _GROUPS, CLUSTER, ON_CLUSTER),
    **mounted({"GET ": index}, HOST, ON_NODE),
    **mounted(_NAMES, "vm", ON_MACHINE),
    **mounted(_NAMES, "ct", ON_CONTAINER),
}
