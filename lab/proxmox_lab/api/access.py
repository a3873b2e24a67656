"""``/access``: tickets, and who may do what."""

import re
from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.access.permission import need
from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import unauthorized
from proxmox_lab.schema.formats import full_match
from proxmox_lab.site.people import built_in_roles
from proxmox_lab.site.rights import Caller

_REALMS: Final = ("pam", "pve")
_CAPABILITIES: Final = {
    "vms": ("/vms", re.compile(r"^(VM\.|Permissions\.Modify)")),
    "storage": ("/storage", re.compile(r"^(Datastore\.|Permissions\.Modify)")),
    "access": ("/access", re.compile(r"^(User|Group|Permissions)\.\w+$")),
    "nodes": ("/nodes", re.compile(r"^(Sys\.|Permissions\.Modify)")),
    "dc": ("/", re.compile(r"^(Sys\.(Audit|Modify)|SDN\.\w+)$")),
    "sdn": ("/sdn", re.compile(r"^(SDN\.|Permissions\.Modify)")),
    "mapping": ("/mapping", re.compile(r"^(Mapping\.|Permissions\.Modify)")),
}


async def ticket(call: Call) -> dict[str, Any]:
    """Log in; every refusal takes three seconds and says the same."""
    name = call.text("username")
    if call.text("realm") and "@" not in name:
        name = f"{name}@{call.text('realm')}"
    if not full_match(r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+", name):
        raise unauthorized("authentication failure", with_body=True)
    issued, csrf = call.lab.doorkeeper.login(name, call.text("password"))
    caller = Caller(name)
    asked = call.text("path")
    if asked and not call.lab.rights.has(caller, asked, *call.text("privs").split(",")):
        raise unauthorized("authentication failure", with_body=True)
    cap = {
        kind: dict.fromkeys(filter(fits.match, sorted(call.lab.rights.on(path, caller))), 1)
        for kind, (path, fits) in _CAPABILITIES.items()
    }
    shown: dict[str, Any] = {"username": name, "cap": cap}
    return shown if asked else shown | {"ticket": issued, "CSRFPreventionToken": csrf}


async def ticket_index(_: Call) -> None:
    """Answer nothing, as the real one does for HTML logins."""


async def permissions(call: Call) -> dict[str, dict[str, int]]:
    """Tell somebody's privileges by path."""
    rights, whose = call.lab.rights, call.caller
    asked = call.text("userid")
    if asked and asked != call.caller.id:
        user, _, token = asked.partition("!")
        if user != call.caller.user:
            need(rights, call.caller, "/access", "Sys.Audit")
        whose = Caller(user, token or None)
    paths = [call.text("path")] if call.text("path") else sorted(rights.paths())
    found = {path: dict.fromkeys(sorted(rights.on(path, whose)), 1) for path in paths}
    return found if call.text("path") else {path: have for path, have in found.items() if have}


async def users(call: Call) -> list[dict[str, Any]]:
    """List the users, for those who may see more than themselves."""
    everything = call.lab.rights.has(call.caller, "/access/groups", "User.Modify", "Sys.Audit")
    return [
        {"userid": name, "enable": int(user.enable), "expire": user.expire,
         "realm-type": name.rpartition("@")[2]}
        for name, user in sorted(call.lab.site.rules.users.items())
        if everything or name == call.caller.user
    ]  # fmt: skip


async def roles(call: Call) -> list[dict[str, Any]]:
    """List the roles."""
    built_in = built_in_roles(call.lab.release.major)
    own = call.lab.site.rules.roles
    return [
        {"roleid": name, "privs": ",".join(sorted(rights)), "special": int(name in built_in)}
        for name, rights in {**built_in, **own}.items()
    ]


async def acl(call: Call) -> list[dict[str, Any]]:
    """List who has which role where."""
    rights = call.lab.rights
    return [
        {"path": entry.path, "type": entry.kind, "ugid": entry.who, "roleid": entry.role,
         "propagate": int(entry.propagate)}
        for entry in call.lab.site.rules.acl
        if rights.has(call.caller, entry.path, "Permissions.Modify")
    ]  # fmt: skip


async def domains(_: Call) -> list[dict[str, str]]:
    """List the realms one can log in to."""
    comments = ("Linux PAM standard authentication", "Proxmox VE authentication server")
    return [
        {"realm": realm, "type": realm, "comment": comment}
        for realm, comment in zip(_REALMS, comments, strict=True)
    ]


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /access/ticket": ticket_index,
    "POST /access/ticket": ticket,
    "GET /access/permissions": permissions,
    "GET /access/users": users,
    "GET /access/roles": roles,
    "GET /access/acl": acl,
    "GET /access/domains": domains,
}
