"""``…/firewall/rules``: rules of machines, nodes and the cluster, and of its groups."""

from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.api.firewall import (
    CLUSTER,
    HOST,
    ON_CLUSTER,
    ON_CONTAINER,
    ON_MACHINE,
    ON_NODE,
    Topic,
    Wall,
    log,
    mounted,
    options,
    set_options,
)
from proxmox_lab.call import Handler
from proxmox_lab.machines.firewall_rules import Check, ip_version
from proxmox_lab.refusal import Refusal, invalid
from proxmox_lab.site.firewall import Firewall, Rule

_CONTROLS: Final = frozenset(
    {"node", "vmid", "group", "pos", "digest", "delete", "moveto", "log", "enable"}
)


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
        gone = _dropped(wall)
        merged = own[pos] | _given(wall)
        new = {key: value for key, value in merged.items() if value and key not in gone}
        _check(wall, new, changed)
        own[pos] = {"enable": "0"} | new
    wall.write(changed)


def _dropped(wall: Wall) -> list[str]:
    """Name the properties that a rule is to lose; it cannot be without some."""
    named = [key for key in wall.call.text("delete").replace(";", ",").split(",") if key]
    known = wall.call.lab.table.methods[f"POST {wall.root}/rules"].parameters
    for key in named:
        if key not in known or key in ("node", "vmid", "group"):
            raise invalid({"delete": f"no such property ('{key}')"})
        if key in ("type", "action"):
            raise invalid({"delete": f"unable to delete required property '{key}'"})
    return named


async def remove_rule(wall: Wall) -> None:
    """Remove a rule; those below it move up."""
    changed = wall.changeable()
    own = wall.rules_of(changed)
    del own[_at(wall, own)]
    wall.write(changed)


_RULES: Final[Mapping[str, Topic]] = {
    "GET /options": options,
    "PUT /options": set_options,
    "GET /rules": rules,
    "POST /rules": add_rule,
    "GET /rules/{pos}": rule,
    "PUT /rules/{pos}": change_rule,
    "DELETE /rules/{pos}": remove_rule,
}
_LOGGED: Final[Mapping[str, Topic]] = {**_RULES, "GET /log": log}
_GROUP: Final[Mapping[str, Topic]] = {
    "GET /groups/{group}": rules,
    "POST /groups/{group}": add_rule,
    "GET /groups/{group}/{pos}": rule,
    "PUT /groups/{group}/{pos}": change_rule,
    "DELETE /groups/{group}/{pos}": remove_rule,
}
ROUTES: Final[Mapping[str, Handler]] = {
    **mounted(_RULES | _GROUP, CLUSTER, ON_CLUSTER),
    **mounted(_LOGGED, HOST, ON_NODE),
    **mounted(_LOGGED, "vm", ON_MACHINE),
    **mounted(_LOGGED, "ct", ON_CONTAINER),
}
