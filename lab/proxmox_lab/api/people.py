"""``/access/users``: people."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from proxmox_lab.access.permission import user_exists
from proxmox_lab.api.groups import join_groups, leave_groups
from proxmox_lab.api.token_view import token_shown, tokens_shown
from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import Refusal
from proxmox_lab.site.people import User, hashed

REALMS: Final = ("pam", "pve")
_PROPERTIES: Final = ("firstname", "lastname", "email", "comment", "keys")


async def users(call: Call) -> list[dict[str, Any]]:
    """List the users, for those who may see more than themselves."""
    shown = [_listed(call, name, user) for name, user in sorted(_seen(call))]
    if "enabled" not in call.parameters:
        return shown
    return [user for user in shown if bool(user["enable"]) is call.switch("enabled")]


def _seen(call: Call) -> Iterable[tuple[str, User]]:
    rights, rules = call.lab.rights, call.lab.site.rules
    privileges = ("User.Modify", "Sys.Audit")
    if rights.has(call.caller, "/access/groups", *privileges):
        return rules.users.items()
    led = [
        group.users
        for name, group in rules.groups.items()
        if rights.has(call.caller, f"/access/groups/{name}", *privileges)
    ]
    known = {call.caller.user}.union(*led)
    return [(name, user) for name, user in rules.users.items() if name in known]


def _listed(call: Call, name: str, user: User) -> dict[str, Any]:
    realm = name.rpartition("@")[2]
    shown = (
        _properties(user) | {"userid": name} | ({"realm-type": realm} if realm in REALMS else {})
    )
    if call.switch("full"):
        shown["groups"] = ",".join(_groups_of(call, name))
        if user.tokens:
            shown["tokens"] = tokens_shown(user)
    return shown


def _properties(user: User) -> dict[str, Any]:
    shown: dict[str, Any] = {"enable": int(user.enable), "expire": user.expire}
    told = {key: getattr(user, key) for key in _PROPERTIES}
    return shown | {key: value for key, value in told.items() if value}


def _groups_of(call: Call, name: str) -> list[str]:
    groups = call.lab.site.rules.groups.items()
    return sorted(group for group, found in groups if name in found.users)


async def user(call: Call) -> dict[str, Any]:
    """Tell about one user."""
    found = named_user(call)
    tokens = {name: token_shown(token) for name, token in found.tokens.items()}
    return _properties(found) | {
        "groups": _groups_of(call, call.text("userid")),
        "tokens": tokens or None,
    }


async def create_user(call: Call) -> None:
    """Add a user."""
    name, rules = call.text("userid"), call.lab.site.rules
    if name in rules.users:
        raise Refusal(f"create user failed: user '{name}' already exists")
    realm, password = name.rpartition("@")[2], call.text("password")
    if password and realm not in REALMS:
        raise Refusal(f"create user failed: auth domain '{realm}' does not exist")
    made = User(password_hash=hashed(password) if password else None)
    join_groups(call, name, failing="create user failed")
    rules.users[name] = made
    _take(call, made)


async def change_user(call: Call) -> None:
    """Change what is told of a user, and their groups."""
    found = named_user(call)
    if "groups" in call.parameters:
        if not call.switch("append"):
            leave_groups(call, call.text("userid"))
        join_groups(call, call.text("userid"), failing="update user failed")
    _take(call, found)


def _take(call: Call, found: User) -> None:
    found.enable = call.switch("enable", default=found.enable)
    found.expire = call.number("expire", found.expire)
    for key in _PROPERTIES:
        if key in call.parameters:
            setattr(found, key, call.text(key) or None)
    _save(call)


async def delete_user(call: Call) -> None:
    """Remove a user with their tokens, groups and rights."""
    name = call.text("userid")
    named_user(call)
    del call.lab.site.rules.users[name]
    leave_groups(call, name)
    forget_rights(call, name)


def named_user(call: Call) -> User:
    """Return the user the call is about, or refuse."""
    user_exists(call.lab.site.rules, call.text("userid"))
    return call.lab.site.rules.users[call.text("userid")]


def forget_rights(call: Call, who: str) -> None:
    """Remove what a user, or one of their tokens, may do."""
    rules = call.lab.site.rules
    rules.acl = [e for e in rules.acl if e.who != who and not e.who.startswith(f"{who}!")]
    _save(call)


def _save(call: Call) -> None:
    call.lab.store.save_rules(call.lab.site)


ROUTES: Final[Mapping[str, Handler]] = {
    "GET /access/users": users,
    "POST /access/users": create_user,
    "GET /access/users/{userid}": user,
    "PUT /access/users/{userid}": change_user,
    "DELETE /access/users/{userid}": delete_user,
}
