"""The declared right of each method, checked before its parameters are."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from proxmox_lab.refusal import Refusal, forbidden
from proxmox_lab.schema.table import Method
from proxmox_lab.site.rights import Caller, Rights

_PLACE: Final = re.compile(r"\{([^}]+)\}")


def require(method: Method, caller: Caller, parameters: Mapping[str, Any], rights: Rights) -> None:
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


def _require(
    check: Sequence[Any], caller: Caller, parameters: Mapping[str, Any], rights: Rights
) -> None:
    kind, *rest = check
    match kind:
        case "perm":
            _require_on_path(rest, caller, parameters, rights)
        case "and":
            for part in rest:
                _require(part, caller, parameters, rights)
        case "or":
            if not any(_holds(part, caller, parameters, rights) for part in rest):
                raise forbidden()
        case "userid-param" if rest[0] == "self":
            if str(parameters.get("userid")) not in (caller.user, caller.id):
                raise forbidden()
        case _:
            need_any(rights, caller, "/access/groups", "User.Modify")


def _holds(
    check: Sequence[Any], caller: Caller, parameters: Mapping[str, Any], rights: Rights
) -> bool:
    try:
        _require(check, caller, parameters, rights)
    except Refusal:
        return False
    return True


def _require_on_path(
    rest: Sequence[Any], caller: Caller, parameters: Mapping[str, Any], rights: Rights
) -> None:
    template, privileges, *extra = rest
    options = dict(zip(extra[::2], extra[1::2], strict=True))
    if options.get("require_param") and options["require_param"] not in parameters:
        raise forbidden()
    path = _PLACE.sub(lambda place: str(parameters.get(place[1], "")), template)
    check = need_any if options.get("any") else need
    check(rights, caller, path, *privileges)
