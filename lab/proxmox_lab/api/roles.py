"""``/access/roles`` and ``/access/acl``: named bundles of privileges, and who has which where."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import Refusal, forbidden, invalid
from proxmox_lab.site.people import AclEntry, all_privileges, built_in_roles

_NAME: Final = r"[\w.\-]+"
_ACL_PATH: Final = re.compile(
    r"^/(access(/(groups|realm)(/" + _NAME + r")?)?|nodes(/" + _NAME + r")?"
    r"|pool(/" + _NAME + r"){0,3}|storage(/" + _NAME + r")?|vms(/[1-9]\d{2,})?"
    r"|mapping(/" + _NAME + r"){0,2}|sdn(/(controllers|dns|ipams|fabrics)(/" + _NAME + r")?)?"
    r"|sdn/zones(/" + _NAME + r"){0,2}|sdn/zones/" + _NAME + "/" + _NAME + r"/[1-9]\d{0,3})?$"
)
_WORD: Final = re.compile(r"^[\w.\-/]+$")
_FAILED: Final = "ACL update failed"
_KINDS: Final = {"users": "user", "groups": "group", "tokens": "token"}


def _items(text: str) -> list[str]:
    return [item for item in re.split(r"[,;\s]+", text) if item]


async def roles(call: Call) -> list[dict[str, Any]]:
    """List the roles."""
    built_in = built_in_roles(call.lab.release.major)
    return [
        {"roleid": name, "privs": ",".join(sorted(rights)), "special": int(name in built_in)}
        for name, rights in _known(call).items()
    ]


async def role(call: Call) -> dict[str, int]:
    """Tell a role's privileges."""
    found = _known(call).get(call.text("roleid"))
    if found is None:
        raise Refusal(f"role '{call.text('roleid')}' does not exist")
    return dict.fromkeys(sorted(found), 1)


async def create_role(call: Call) -> None:
    """Make a role; unknown privileges are refused, those of another release too."""
    name = call.text("roleid")
    if name.upper().startswith("PVE"):
        text = "cannot use role ID starting with the (case-insensitive) 'PVE' namespace"
        raise invalid({"roleid": text})
    if name in _known(call):
        raise Refusal(f"create role failed: role '{name}' already exists")
    call.lab.site.rules.roles[name] = _privileges(call, failing="create role failed")
    _save(call)


async def change_role(call: Call) -> None:
    """Replace a role's privileges, or add some."""
    name, own = call.text("roleid"), call.lab.site.rules.roles
    _refuse_special(call, "update role failed", "modified")
    wanted = _privileges(call, failing="update role failed")
    own[name] = sorted({*own[name], *wanted}) if call.switch("append") else wanted
    _save(call)


async def delete_role(call: Call) -> None:
    """Remove a role; entries of the access list that name it go too."""
    name, rules = call.text("roleid"), call.lab.site.rules
    _refuse_special(call, "delete role failed", "deleted")
    del rules.roles[name]
    rules.acl = [entry for entry in rules.acl if entry.role != name]
    _save(call)


def _refuse_special(call: Call, failing: str, what: str) -> None:
    name = call.text("roleid")
    if name in built_in_roles(call.lab.release.major):
        raise Refusal(f"auto-generated role '{name}' cannot be {what}")
    if name not in _known(call):
        raise Refusal(f"{failing}: role '{name}' does not exist")


def _privileges(call: Call, *, failing: str) -> list[str]:
    wanted = _items(call.text("privs"))
    known = all_privileges(call.lab.release.major)
    for privilege in wanted:
        if privilege not in known:
            raise Refusal(f"{failing}: invalid privilege '{privilege}'")
    return sorted(set(wanted))


def _known(call: Call) -> dict[str, list[str]]:
    return {**built_in_roles(call.lab.release.major), **call.lab.site.rules.roles}


async def acl(call: Call) -> list[dict[str, Any]]:
    """List who has which role where."""
    rights = call.lab.rights
    return [
        {"path": entry.path, "type": entry.kind, "ugid": entry.who, "roleid": entry.role,
         "propagate": int(entry.propagate)}
        for entry in call.lab.site.rules.acl
        if rights.has(call.caller, entry.path, "Permissions.Modify")
    ]  # fmt: skip


async def change_acl(call: Call) -> None:
    """Give or take roles on a path."""
    if not any(call.text(name) for name in _KINDS):
        why = "either 'users', 'groups' or 'tokens' is required."
        raise invalid(dict.fromkeys(_KINDS, why))
    path = _normal(call.text("path"))
    if path is None or not (call.switch("delete") or _ACL_PATH.match(path)):
        raise invalid({"path": f"invalid ACL path '{call.text('path')}'"})
    roles = _items(call.text("roles"))
    _refuse_more_than_own(call, path, roles)
    for role in roles:
        if role not in _known(call):
            raise Refusal(f"{_FAILED}: role '{role}' does not exist")
    for entry in list(_entries(call, path, roles)):
        _change(call, entry)
    _save(call)


def _normal(path: str) -> str | None:
    """Slashes are made single; a path is words between them."""
    shown = "/" + "/".join(part for part in path.split("/") if part)
    return shown if path and _WORD.match(shown) else None


def _refuse_more_than_own(call: Call, path: str, roles: Iterable[str]) -> None:
    """Who may not modify rights here can only pass on the privileges they have."""
    rights = call.lab.rights
    own = rights.on(path, call.caller)
    if call.caller.is_root or "Permissions.Modify" in own:
        return
    for role in roles:
        if not set(rights.privileges_of(role)) <= own:
            raise forbidden(f"{path}, Permissions.Modify")


def _entries(call: Call, path: str, roles: Iterable[str]) -> Iterable[AclEntry]:
    wanted = [(kind, who) for name, kind in _KINDS.items() for who in _items(call.text(name))]
    for kind, who in wanted:
        _refuse_unknown(call, kind, who)
    goes_on = call.switch("propagate", default=True)
    for role in roles:
        for kind, who in wanted:
            yield AclEntry(path=path, kind=kind, who=who, role=role, propagate=goes_on)


def _refuse_unknown(call: Call, kind: str, who: str) -> None:
    if call.switch("delete"):
        return
    rules = call.lab.site.rules
    name, _, token = who.partition("!")
    if kind == "group" and who not in rules.groups:
        raise Refusal(f"{_FAILED}: group '{who}' does not exist")
    if kind != "group" and name not in rules.users:
        raise Refusal(f"{_FAILED}: user '{name}' does not exist")
    if kind == "token" and token not in rules.users[name].tokens:
        raise Refusal(f"{_FAILED}: no such token '{token}' for user '{name}'")


def _change(call: Call, wanted: AclEntry) -> None:
    rules = call.lab.site.rules
    place = (wanted.path, wanted.kind, wanted.who, wanted.role)
    rules.acl = [e for e in rules.acl if (e.path, e.kind, e.who, e.role) != place]
    if not call.switch("delete"):
        rules.acl.append(wanted)


def _save(call: Call) -> None:
    call.lab.store.save_rules(call.lab.site)


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /access/roles": roles,
    "POST /access/roles": create_role,
    "GET /access/roles/{roleid}": role,
    "PUT /access/roles/{roleid}": change_role,
    "DELETE /access/roles/{roleid}": delete_role,
    "GET /access/acl": acl,
    "PUT /access/acl": change_acl,
}
