"""``/access/users`` and ``/access/acl``: people, their tokens and what they may do."""

import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.access.permission import need
from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import Refusal, invalid
from proxmox_lab.site.people import AclEntry, Token, User, built_in_roles, hashed

_ACL_PATH: Final = re.compile(r"^/((access|mapping|nodes|pool|sdn|storage|vms)(/.*)?)?$")


async def create_user(call: Call) -> None:
    """Add a user."""
    name = call.text("userid")
    if name in call.lab.site.rules.users:
        raise Refusal(f"create user failed: user '{name}' already exists")
    password = call.text("password")
    call.lab.site.rules.users[name] = User(
        password_hash=hashed(password) if password else None,
        enable=call.switch("enable", default=True),
        expire=call.number("expire", 0),
        comment=call.text("comment") or None,
    )
    _save(call)


async def delete_user(call: Call) -> None:
    """Remove a user with their tokens and rights."""
    name = call.text("userid")
    _user(call)
    del call.lab.site.rules.users[name]
    _forget(call, name)


async def tokens(call: Call) -> list[dict[str, Any]]:
    """List a user's tokens, without secrets."""
    return [{"tokenid": name, **_shown(token)} for name, token in _user(call).tokens.items()]


async def create_token(call: Call) -> dict[str, Any]:
    """Make a token; its secret is told this once."""
    user, name = _user(call), call.text("tokenid")
    if name in user.tokens:
        raise invalid({"tokenid": "Token already exists."})
    secret = str(uuid.uuid4())
    token = Token(
        secret_hash=hashed(secret),
        privsep=call.switch("privsep", default=True),
        expire=call.number("expire", 0),
        comment=call.text("comment") or None,
    )
    user.tokens[name] = token
    _save(call)
    info: dict[str, Any] = {"privsep": str(int(token.privsep))}
    info |= {"comment": token.comment} if token.comment else {}
    return {"full-tokenid": f"{call.text('userid')}!{name}", "value": secret, "info": info}


async def delete_token(call: Call) -> None:
    """Remove a token and its rights."""
    name = call.text("tokenid")
    if _user(call).tokens.pop(name, None) is None:
        raise Refusal(f"no such token '{name}' for user '{call.text('userid')}'")
    _forget(call, f"{call.text('userid')}!{name}")


async def change_acl(call: Call) -> None:
    """Give or take roles on a path."""
    path = call.text("path")
    if not _ACL_PATH.match(path):
        raise invalid({"path": f"invalid ACL path '{path}'"})
    need(call.lab.rights, call.caller, path, "Permissions.Modify")
    for role in call.text("roles").split(","):
        if role not in {**built_in_roles(call.lab.release.major), **call.lab.site.rules.roles}:
            raise Refusal(f"ACL update failed: role '{role}' does not exist")
        for kind in ("user", "token"):
            for who in filter(None, call.text(f"{kind}s").split(",")):
                _change(call, AclEntry(path=path, kind=kind, who=who, role=role))
    _save(call)


def _change(call: Call, wanted: AclEntry) -> None:
    rules = call.lab.site.rules
    wanted.propagate = call.switch("propagate", default=True)
    place = (wanted.path, wanted.who, wanted.role)
    rules.acl = [entry for entry in rules.acl if (entry.path, entry.who, entry.role) != place]
    if not call.switch("delete"):
        rules.acl.append(wanted)


def _user(call: Call) -> User:
    name = call.text("userid")
    found = call.lab.site.rules.users.get(name)
    if found is None:
        raise Refusal(f"no such user ('{name}')")
    return found


def _shown(token: Token) -> dict[str, Any]:
    shown: dict[str, Any] = {"privsep": int(token.privsep), "expire": token.expire}
    return shown | ({"comment": token.comment} if token.comment else {})


def _forget(call: Call, who: str) -> None:
    rules = call.lab.site.rules
    rules.acl = [e for e in rules.acl if e.who != who and not e.who.startswith(f"{who}!")]
    _save(call)


def _save(call: Call) -> None:
    call.lab.store.save_rules(call.lab.site)


ROUTES: Final[Mapping[str, Handler]] = {
    "POST /access/users": create_user,
    "DELETE /access/users/{userid}": delete_user,
    "GET /access/users/{userid}/token": tokens,
    "POST /access/users/{userid}/token/{tokenid}": create_token,
    "DELETE /access/users/{userid}/token/{tokenid}": delete_token,
    "PUT /access/acl": change_acl,
}
