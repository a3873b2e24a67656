"""``…/firewall``: aliases, IP sets, and what rules may refer to."""

import ipaddress
from typing import Any

from proxmox_lab.api.firewall import CLUSTER, Wall
from proxmox_lab.refusal import Refusal, invalid
from proxmox_lab.site.firewall import Alias, Entry, Firewall, IpSet


def _with(comment: str | None, shown: dict[str, Any]) -> dict[str, Any]:
    return shown | ({"comment": comment} if comment else {})


def _alias(found: Alias, digest: str) -> dict[str, Any]:
    version = ipaddress.ip_interface(found.cidr).version
    shown = {"name": found.name, "cidr": found.cidr, "ipversion": version, "digest": digest}
    return _with(found.comment, shown)


def _known_alias(wall: Wall, firewall: Firewall) -> Alias:
    found = firewall.aliases.get(wall.call.text("name").lower())
    if found is None:
        raise invalid({"name": "no such alias"})
    return found


async def aliases(wall: Wall) -> list[dict[str, Any]]:
    """List the aliases."""
    found = wall.read()
    return [_alias(alias, found.digest) for _, alias in sorted(found.aliases.items())]


async def alias(wall: Wall) -> dict[str, Any]:
    """Return one alias."""
    found = wall.read()
    return _alias(_known_alias(wall, found), found.digest)


async def add_alias(wall: Wall) -> None:
    """Name an address."""
    changed, name = wall.changeable(), wall.call.text("name")
    if name.lower() in changed.aliases:
        raise invalid({"name": f"alias '{name}' already exists"})
    comment = wall.call.text("comment") or None
    changed.aliases[name.lower()] = Alias(name=name, cidr=wall.call.text("cidr"), comment=comment)
    wall.write(changed)


async def change_alias(wall: Wall) -> None:
    """Let a name mean another address, or call it otherwise."""
    changed = wall.changeable()
    old = _known_alias(wall, changed)
    name = wall.call.text("rename") or old.name
    if name.lower() != old.name.lower() and name.lower() in changed.aliases:
        raise invalid({"name": f"alias '{name}' already exists"})
    del changed.aliases[old.name.lower()]
    comment = wall.call.text("comment") or None
    changed.aliases[name.lower()] = Alias(name=name, cidr=wall.call.text("cidr"), comment=comment)
    wall.write(changed)


async def remove_alias(wall: Wall) -> None:
    """Forget a name; one that is not there is fine."""
    changed = wall.changeable()
    changed.aliases.pop(wall.call.text("name").lower(), None)
    wall.write(changed)


async def ipsets(wall: Wall) -> list[dict[str, Any]]:
    """List the IP sets."""
    found = wall.read()
    return [
        _with(each.comment, {"name": name, "digest": found.digest})
        for name, each in sorted(found.ipsets.items())
    ]


async def add_ipset(wall: Wall) -> None:
    """Make an empty IP set, or call one otherwise."""
    changed, name, old = wall.changeable(), wall.call.text("name"), wall.call.text("rename")
    if old and old not in changed.ipsets:
        raise invalid({"name": f"IPSet '{old}' does not exist"})
    if name in changed.ipsets and name != old:
        raise invalid({"name": f"IPSet '{name}' already exists"})
    made = changed.ipsets.pop(old) if old else IpSet()
    changed.ipsets[name] = made.model_copy(update={"comment": wall.call.text("comment") or None})
    wall.write(changed)


def _entries(wall: Wall, firewall: Firewall) -> list[Entry]:
    name = wall.call.text("name")
    if name not in firewall.ipsets:
        raise Refusal(f"no such IPSet '{name}'")
    return firewall.ipsets[name].entries


async def remove_ipset(wall: Wall) -> None:
    """Remove an IP set; one with members only by force."""
    changed, name = wall.changeable(), wall.call.text("name")
    if _entries(wall, changed) and not wall.call.switch("force"):
        raise Refusal(f"IPSet '{name}' is not empty")
    del changed.ipsets[name]
    wall.write(changed)


def _entry(found: Entry, digest: str) -> dict[str, Any]:
    shown = {"cidr": found.cidr, "digest": digest} | ({"nomatch": 1} if found.nomatch else {})
    return _with(found.comment, shown)


async def entries(wall: Wall) -> list[dict[str, Any]]:
    """List the members of an IP set."""
    found = wall.read()
    return [_entry(each, found.digest) for each in _entries(wall, found)]


def _known_entry(wall: Wall, members: list[Entry]) -> Entry:
    found = next((each for each in members if each.cidr == wall.call.text("cidr")), None)
    if found is None:
        raise invalid({"cidr": "no such IP/Network"})
    return found


async def entry(wall: Wall) -> dict[str, Any]:
    """Return one member of an IP set."""
    found = wall.read()
    return _entry(_known_entry(wall, _entries(wall, found)), found.digest)


async def add_entry(wall: Wall) -> None:
    """Put a member into an IP set."""
    changed, cidr = wall.changeable(), wall.call.text("cidr")
    members = _entries(wall, changed)
    if any(each.cidr == cidr for each in members):
        raise invalid({"cidr": f"address '{cidr}' already exists"})
    comment, nomatch = wall.call.text("comment") or None, wall.call.switch("nomatch")
    members.insert(0, Entry(cidr=cidr, comment=comment, nomatch=nomatch))
    wall.write(changed)


async def change_entry(wall: Wall) -> None:
    """Describe a member of an IP set anew."""
    changed = wall.changeable()
    found = _known_entry(wall, _entries(wall, changed))
    found.comment, found.nomatch = wall.call.text("comment") or None, wall.call.switch("nomatch")
    wall.write(changed)


async def remove_entry(wall: Wall) -> None:
    """Take a member out of an IP set; one that is not there is fine."""
    changed, cidr = wall.changeable(), wall.call.text("cidr")
    members = _entries(wall, changed)
    members[:] = [each for each in members if each.cidr != cidr]
    wall.write(changed)


async def references(wall: Wall) -> list[dict[str, Any]]:
    """List what rules may refer to: the cluster's names, then the firewall's own."""
    walls = [("dc", wall.call.lab.site.rules.firewalls.get(CLUSTER, Firewall()))]
    walls += [("guest", wall.read())] if wall.of != CLUSTER else []
    wanted = wall.call.text("type")
    shown: list[dict[str, Any]] = []
    for scope, firewall in walls:
        named = {"ipset": firewall.ipsets, "alias": firewall.aliases}
        for kind, found in named.items():
            for name, each in sorted(found.items()) if wanted in ("", kind) else ():
                ref = f"+{scope}/{name}" if kind == "ipset" else f"{scope}/{name}"
                entry = {"type": kind, "name": name, "ref": ref, "scope": scope}
                shown.append(_with(each.comment, entry))
    return shown
