"""``…/firewall``: options, rules and log of the cluster's firewall and of each machine's."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from proxmox_lab.call import Call, Handler
from proxmox_lab.http.outgoing import Page
from proxmox_lab.machines import config
from proxmox_lab.machines.firewall_rules import Check, ip_version
from proxmox_lab.refusal import Refusal, invalid
from proxmox_lab.schema.table import rule_for
from proxmox_lab.site.firewall import Firewall, Rule

CLUSTER: Final = "cluster"
_MODIFIED: Final = "detected modified configuration - file changed by other user? Try again."
_CONTROLS: Final = frozenset(
    {"node", "vmid", "group", "pos", "digest", "delete", "moveto", "log", "enable"}
)
_NO_LOG: Final = "unable to open file - No such file or directory"


@dataclass(frozen=True, slots=True)
class Wall:
    """One firewall as a call reaches it."""

    call: Call
    of: str  # cluster or vm
    root: str  # template of the paths below

    @property
    def key(self) -> str:
        return CLUSTER if self.of == CLUSTER else self.call.text("vmid")

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
            raise invalid({"delete": f"unknown option '{key}'"})
        changed.options.pop(key, None)
    skipped = {"node", "vmid", "digest", "delete"}
    changed.options |= {k: wall.call.text(k) for k in wall.call.parameters if k not in skipped}
    wall.write(changed)


async def rules(wall: Wall) -> list[dict[str, Any]]:
    """List the rules in their order."""
    found = wall.read()
    return [_shown(found, rule, pos) for pos, rule in enumerate(wall.rules_of(found))]


def _shown(firewall: Firewall, rule: Rule, pos: int | str) -> dict[str, Any]:
    version = ip_version(rule)
    extra = {"ipversion": version} if version else {}
    return rule | extra | {"pos": pos, "enable": int(rule["enable"]), "digest": firewall.digest}


async def add_rule(wall: Wall) -> None:
    """Put a rule before all others."""
    changed = wall.changeable()
    rule = {key: value for key, value in _given(wall).items() if value}
    _check(wall, rule, changed)
    wall.rules_of(changed).insert(0, {"enable": "0"} | rule)
    wall.write(changed)


def _given(wall: Wall) -> Rule:
    kept = {"log", "enable"}
    names = [key for key in wall.call.parameters if key not in _CONTROLS or key in kept]
    return {key: wall.call.text(key) for key in names}


def _check(wall: Wall, rule: Rule, own: Firewall) -> None:
    cluster = wall.call.lab.site.rules.firewalls.get(CLUSTER, Firewall())
    of = "group" if wall.call.text("group") else wall.of
    Check(rule, own, cluster, of=of).run()


def _at(wall: Wall, found: list[Rule]) -> int:
    pos = wall.call.number("pos", 0)
    if pos >= len(found):
        raise Refusal(f"no rule at position {pos}")
    return pos


async def rule(wall: Wall) -> dict[str, Any]:
    """Return one rule; its position comes back as it was asked for."""
    found = wall.read()
    own = wall.rules_of(found)
    return _shown(found, own[_at(wall, own)], wall.call.text("pos"))


async def change_rule(wall: Wall) -> None:
    """Change a rule, or move it to another place."""
    changed = wall.changeable()
    own = wall.rules_of(changed)
    pos = _at(wall, own)
    if "moveto" in wall.call.parameters:
        moved = own.pop(pos)
        target = wall.call.number("moveto", 0)
        own.insert(target - 1 if target > pos else target, moved)
    else:
        gone = wall.call.text("delete").split(",")
        merged = own[pos] | _given(wall)
        new = {key: value for key, value in merged.items() if value and key not in gone}
        _check(wall, new, changed)
        own[pos] = {"enable": "0"} | new
    wall.write(changed)


async def remove_rule(wall: Wall) -> None:
    """Remove a rule; those below it move up."""
    changed = wall.changeable()
    own = wall.rules_of(changed)
    del own[_at(wall, own)]
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


_RULES: Final[Mapping[str, Topic]] = {
    "GET /options": options,
    "PUT /options": set_options,
    "GET /rules": rules,
    "POST /rules": add_rule,
    "GET /rules/{pos}": rule,
    "PUT /rules/{pos}": change_rule,
    "DELETE /rules/{pos}": remove_rule,
}
_GROUP: Final[Mapping[str, Topic]] = {
    "GET /groups/{group}": rules,
    "POST /groups/{group}": add_rule,
    "GET /groups/{group}/{pos}": rule,
    "PUT /groups/{group}/{pos}": change_rule,
    "DELETE /groups/{group}/{pos}": remove_rule,
}
ON_CLUSTER: Final = "/cluster/firewall"
ON_MACHINE: Final = "/nodes/{node}/qemu/{vmid}/firewall"
ROUTES: Final[Mapping[str, Handler]] = {
    **mounted(_RULES | _GROUP, CLUSTER, ON_CLUSTER),
    **mounted({**_RULES, "GET /log": log}, "vm", ON_MACHINE),
}
