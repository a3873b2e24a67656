"""``…/firewall``: options, rules and log of the cluster's firewall and of each machine's."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from proxmox_lab.call import Call, Handler
from proxmox_lab.http.outgoing import Page
from proxmox_lab.machines import config
from proxmox_lab.refusal import Refusal, invalid
from proxmox_lab.schema.table import rule_for
from proxmox_lab.site.firewall import Firewall, Rule

CLUSTER: Final = "cluster"
HOST: Final = "host"
ON_CLUSTER: Final = "/cluster/firewall"
ON_NODE: Final = "/nodes/{node}/firewall"
ON_MACHINE: Final = "/nodes/{node}/qemu/{vmid}/firewall"
ON_CONTAINER: Final = "/nodes/{node}/lxc/{vmid}/firewall"
_MODIFIED: Final = "detected modified configuration - file changed by other user? Try again."
_NO_LOG: Final = "unable to open file - No such file or directory"


@dataclass(frozen=True, slots=True)
class Wall:
    """One firewall as a call reaches it."""

    call: Call
    of: str  # cluster, host, vm or ct
    root: str  # template of the paths below

    @property
    def key(self) -> str:
        if self.of == CLUSTER:
            return CLUSTER
        return f"node/{self.call.lab.site.node}" if self.of == HOST else self.call.text("vmid")

    def read(self) -> Firewall:
        """Return the settings as they are; machines need not exist for that."""
        return self.call.lab.site.rules.firewalls.get(self.key, Firewall())

    def write(self, firewall: Firewall) -> None:
        """Keep changed settings, unless somebody else changed them meanwhile."""
        given = self.call.text("digest")
        if given and given != self.read().digest:
            raise Refusal(_MODIFIED)
        self.call.lab.site.rules.firewalls[self.key] = firewall
        self.call.lab.store.save_rules(self.call.lab.site)

    def changeable(self) -> Firewall:
        """Return a copy to change and write."""
        return self.read().model_copy(deep=True)

    def rules_of(self, firewall: Firewall) -> list[Rule]:
        """Return the rules a call means: those of a group, or the firewall's own."""
        group = self.call.text("group")
        if not group:
            return firewall.rules
        if group not in firewall.groups:
            raise Refusal(f"no such security group '{group}'")
        return firewall.groups[group].rules


async def options(wall: Wall) -> dict[str, Any]:
    """Return the options that are set."""
    found = wall.read()
    known = wall.call.lab.table.methods[f"PUT {wall.root}/options"].parameters
    values = {key: config.plainly(key, value, known) for key, value in found.options.items()}
    return values | {"digest": found.digest}


async def set_options(wall: Wall) -> None:
    """Set and delete options."""
    changed = wall.changeable()
    known = wall.call.lab.table.methods[f"PUT {wall.root}/options"].parameters
    for key in filter(None, wall.call.text("delete").replace(";", ",").split(",")):
        if rule_for(known, key) is None:
            raise invalid({"delete": f"no such option '{key}'"})
        changed.options.pop(key, None)
    skipped = {"node", "vmid", "digest", "delete"}
    changed.options |= {k: wall.call.text(k) for k in wall.call.parameters if k not in skipped}
    wall.write(changed)


async def log(wall: Wall) -> Page:
    """Return the log: nothing is ever written, so there is no file."""
    line = {"n": 1, "t": _NO_LOG}
    return Page([line] if wall.call.lab.release.is_modern else line, {"total": 1})


Topic = Callable[[Wall], Awaitable[Any]]


def mounted(topics: Mapping[str, Topic], of: str, root: str) -> dict[str, Handler]:
    """Give every ``VERB /path`` of ``topics`` a handler below ``root``."""

    def handler(topic: Topic) -> Handler:
        return lambda call: topic(Wall(call, of, root))

    return {
        f"{name.partition(' ')[0]} {root}{name.partition(' ')[2]}": handler(topic)
        for name, topic in topics.items()
    }
