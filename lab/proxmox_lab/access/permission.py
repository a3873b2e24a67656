"""The declared right of each method, checked before its parameters are."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from proxmox_lab.refusal import Refusal, forbidden
from proxmox_lab.schema.names import user_name
from proxmox_lab.schema.table import Method
from proxmox_lab.site.rights import Caller, Rights
from proxmox_lab.site.site import Rules

_PLACE: Final = re.compile(r"\{([^}]+)\}")
_MODIFIERS: Final = (
    ("/storage/", "Datastore.Allocate"),
    ("/vms/", "VM.Allocate"),
    ("/pool/", "Pool.Allocate"),
)
Parameters = Mapping[str, Any]
Check = Callable[[Sequence[Any], Caller, Parameters, Rights], None]


def require(method: Method, caller: Caller, parameters: Parameters, rights: Rights) -> None:
    """Refuse with 403 unless the caller may use the method."""
    if caller.is_root:
        return
    declared = method.permissions
    if declared.get("user") in ("all", "world"):
        return
    check = declared.get("check")
    if check is None:
        raise forbidden("user != root@pam")
    _require(check, caller, parameters, rights)


def need(rights: Rights, caller: Caller, path: str, *privileges: str) -> None:
    """Refuse unless the caller has all of these privileges on the path."""
    for privilege in privileges:
        if not rights.has(caller, path, privilege):
            raise forbidden(f"{path}, {privilege}")


def need_any(rights: Rights, caller: Caller, path: str, *privileges: str) -> None:
    """Refuse unless the caller has one of these privileges on the path."""
    if not rights.has(caller, path, *privileges):
        raise forbidden(f"{path}, {'|'.join(privileges)}")


def user_id(text: str) -> str:
    """Return the user's name, or refuse one that cannot be one."""
    wrong = user_name(text)
    if wrong:
        raise Refusal(wrong.rstrip())
    return text


def user_exists(rules: Rules, name: str) -> None:
    """Refuse an unknown user."""
    if name not in rules.users:
        raise Refusal(f"no such user ('{name}')")


def _require(check: Sequence[Any], caller: Caller, parameters: Parameters, rights: Rights) -> None:
    kind, *rest = check
    _CHECKS[kind](rest, caller, parameters, rights)


def _all(rest: Sequence[Any], caller: Caller, parameters: Parameters, rights: Rights) -> None:
    for part in rest:
        _require(part, caller, parameters, rights)


def _one(rest: Sequence[Any], caller: Caller, parameters: Parameters, rights: Rights) -> None:
    if not any(_holds(part, caller, parameters, rights) for part in rest):
        raise forbidden()


def _holds(check: Sequence[Any], caller: Caller, parameters: Parameters, rights: Rights) -> bool:
    try:
        _require(check, caller, parameters, rights)
    except Refusal as refused:
        if refused.status == _FORBIDDEN:
            return False
        raise
    return True


def _on_path(rest: Sequence[Any], caller: Caller, parameters: Parameters, rights: Rights) -> None:
    template, privileges, *extra = rest
    options = dict(zip(extra[::2], extra[1::2], strict=True))
    if options.get("require_param") and options["require_param"] not in parameters:
        raise forbidden()
    path = _PLACE.sub(lambda place: str(parameters.get(place[1], "")), template)
    check = need_any if options.get("any") else need
    check(rights, caller, path, *privileges)


def _about_user(
    rest: Sequence[Any], caller: Caller, parameters: Parameters, rights: Rights
) -> None:
    """``self``: one's own; ``Realm.AllocateUser``: a right on the user's realm."""
    name = user_id(str(parameters.get("userid", "")))
    if rest[0] == "self":
        if name != caller.id:
            raise forbidden()
        return
    need(rights, caller, f"/access/realm/{name.rpartition('@')[2]}", rest[0])


def _about_groups(
    rest: Sequence[Any], caller: Caller, parameters: Parameters, rights: Rights
) -> None:
    """The right on all groups, or on those the user is in or is to be put into."""
    privileges, *extra = rest
    option = dict(zip(extra[::2], extra[1::2], strict=True)).get("groups_param")
    name = user_id(str(parameters.get("userid", "")))
    if option != "create":
        user_exists(rights.rules, name)
    if rights.has(caller, "/access/groups", *privileges):
        return
    wanted = [group for group in re.split(r"[,;\s]+", str(parameters.get("groups", ""))) if group]
    if option and not wanted:
        raise forbidden(f"/access/groups, {'|'.join(privileges)}")
    for group in wanted if option else ():
        need_any(rights, caller, f"/access/groups/{group}", *privileges)
    if option != "create" and not _leads(rights, caller, name, privileges):
        raise forbidden()


def _leads(rights: Rights, caller: Caller, name: str, privileges: Sequence[str]) -> bool:
    groups = rights.rules.groups.items()
    mine = (g for g, group in groups if name in group.users)
    return any(rights.has(caller, f"/access/groups/{group}", *privileges) for group in mine)


def _to_modify(rest: Sequence[Any], caller: Caller, parameters: Parameters, rights: Rights) -> None:
    path = _PLACE.sub(lambda place: str(parameters.get(place[1], "")), rest[0])
    extra = [privilege for start, privilege in _MODIFIERS if path.startswith(start)]
    need_any(rights, caller, path or "/access", "Permissions.Modify", *extra)


_FORBIDDEN: Final = 403
_CHECKS: Final[Mapping[str, Check]] = {
    "and": _all,
    "or": _one,
    "perm": _on_path,
    "userid-param": _about_user,
    "userid-group": _about_groups,
    "perm-modify": _to_modify,
}
