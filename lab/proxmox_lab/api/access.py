"""``/access``: tickets, passwords, realms, and who may do what."""

import re
from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.access.permission import need, user_exists
from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import Refusal, forbidden, invalid, unauthorized
from proxmox_lab.schema.formats import full_match
from proxmox_lab.site.people import ROOT, hashed, matches
from proxmox_lab.site.rights import Caller

_REALMS: Final = {
    "pam": "Linux PAM standard authentication",
    "pve": "Proxmox VE authentication server",
}
_CAPABILITIES: Final = {
    "vms": ("/vms", re.compile(r"^(VM\.|Permissions\.Modify)")),
    "storage": ("/storage", re.compile(r"^(Datastore\.|Permissions\.Modify)")),
    "access": ("/access", re.compile(r"^(User|Group|Permissions)\.\w+$")),
    "nodes": ("/nodes", re.compile(r"^(Sys\.|Permissions\.Modify)")),
    "dc": ("/", re.compile(r"^(Sys\.(Audit|Modify)|SDN\.\w+)$")),
    "sdn": ("/sdn", re.compile(r"^(SDN\.|Permissions\.Modify)")),
    "mapping": ("/mapping", re.compile(r"^(Mapping\.|Permissions\.Modify)")),
}


async def index(_: Call) -> list[dict[str, str]]:
    """Name what there is about access."""
    names = ("users", "groups", "roles", "acl", "domains", "openid", "tfa", "ticket", "password")
    return [{"subdir": name} for name in names]


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


async def change_password(call: Call) -> None:
    """Give somebody a new password; all but root have to confirm with their own."""
    name, users = call.text("userid"), call.lab.site.rules.users
    user_exists(call.lab.site.rules, name)
    if not call.caller.is_root:
        if name == ROOT:
            raise forbidden()
        if "confirmation-password" not in call.parameters:
            why = "password is required to modify user"
            raise invalid({"confirmation-password": why})
        own = users[call.caller.user].password_hash
        if not matches(call.text("confirmation-password"), own):
            raise unauthorized("authentication failure", with_body=True)
    users[name].password_hash = hashed(call.text("password"))
    call.lab.store.save_rules(call.lab.site)


async def permissions(call: Call) -> dict[str, dict[str, int]]:
    """Tell somebody's privileges by path, each with whether it goes on below."""
    rights, whose = call.lab.rights, call.caller
    asked = call.text("userid")
    if asked and asked != call.caller.id:
        user, _, token = asked.partition("!")
        if user != call.caller.user or call.caller.token:
            need(rights, call.caller, "/access", "Sys.Audit")
        user_exists(call.lab.site.rules, user)
        if token and token not in call.lab.site.rules.users[user].tokens:
            raise Refusal(f"no such token '{token}' for user '{user}'")
        whose = Caller(user, token or None)
    named = call.text("path")
    found = {
        path: {name: int(on) for name, on in sorted(rights.dump(path, whose).items())}
        for path in ([named] if named else sorted(rights.paths()))
    }
    return found if named else {path: have for path, have in found.items() if have}


async def domains(_: Call) -> list[dict[str, str]]:
    """List the realms one can log in to."""
    return [{"realm": name, "type": name, "comment": text} for name, text in _REALMS.items()]


async def domain(call: Call) -> dict[str, str]:
    """Tell how a realm is set up."""
    name = call.text("realm")
    if name not in _REALMS:
        raise Refusal(f"domain '{name}' does not exist")
    return {"type": name, "comment": _REALMS[name], "digest": "0" * 40}


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /access": index,
    "GET /access/ticket": ticket_index,
    "POST /access/ticket": ticket,
    "PUT /access/password": change_password,
    "GET /access/permissions": permissions,
    "GET /access/domains": domains,
    "GET /access/domains/{realm}": domain,
}
