"""``/access/groups``: users who get rights together."""

import re
from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import Refusal
from proxmox_lab.site.people import Group

_SEES: Final = ("User.Modify", "Sys.Audit", "Group.Allocate")


async def groups(call: Call) -> list[dict[str, Any]]:
    """List the groups the caller may see."""
    return [
        {"groupid": name, "users": ",".join(sorted(group.users)), **_comment(group)}
        for name, group in sorted(call.lab.site.rules.groups.items())
        if call.lab.rights.has(call.caller, f"/access/groups/{name}", *_SEES)
    ]


async def group(call: Call) -> dict[str, Any]:
    """Tell who is in a group."""
    found = _group(call, failing="")
    return {"members": sorted(found.users), **_comment(found)}


async def create_group(call: Call) -> None:
    """Make an empty group."""
    name, known = call.text("groupid"), call.lab.site.rules.groups
    if name in known:
        raise Refusal(f"create group failed: group '{name}' already exists")
    known[name] = Group(comment=call.text("comment") or None)
    _save(call)


async def change_group(call: Call) -> None:
    """Give a group another comment."""
    found = _group(call, failing="update group failed: ")
    if "comment" in call.parameters:
        found.comment = call.text("comment") or None
    _save(call)


async def delete_group(call: Call) -> None:
    """Remove a group with its rights."""
    _group(call, failing="delete group failed: ")
    name, rules = call.text("groupid"), call.lab.site.rules
    del rules.groups[name]
    rules.acl = [entry for entry in rules.acl if (entry.kind, entry.who) != ("group", name)]
    _save(call)


def join_groups(call: Call, user: str, *, failing: str) -> None:
    """Put a user into the groups the call names; all of them have to be there."""
    known = call.lab.site.rules.groups
    named = [name for name in re.split(r"[,;\s]+", call.text("groups")) if name]
    for name in named:
        if name not in known:
            raise Refusal(f"{failing}: no such group '{name}'")
    for name in named:
        known[name].users = sorted({*known[name].users, user})


def leave_groups(call: Call, user: str) -> None:
    """Take a user out of all groups."""
    for found in call.lab.site.rules.groups.values():
        found.users = [name for name in found.users if name != user]


def _group(call: Call, *, failing: str) -> Group:
    found = call.lab.site.rules.groups.get(call.text("groupid"))
    if found is None:
        raise Refusal(f"{failing}group '{call.text('groupid')}' does not exist")
    return found


def _comment(group: Group) -> dict[str, str]:
    return {"comment": group.comment} if group.comment else {}


def _save(call: Call) -> None:
    call.lab.store.save_rules(call.lab.site)


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /access/groups": groups,
    "POST /access/groups": create_group,
    "GET /access/groups/{groupid}": group,
    "PUT /access/groups/{groupid}": change_group,
    "DELETE /access/groups/{groupid}": delete_group,
}
