"""``/access/users/{userid}/token``: what programs log in with."""

import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

from proxmox_lab.api.people import forget_rights, named_user
from proxmox_lab.api.token_view import token_shown, tokens_shown
from proxmox_lab.call import Call, Handler
from proxmox_lab.refusal import Refusal, invalid
from proxmox_lab.site.people import Token, hashed


async def tokens(call: Call) -> list[dict[str, Any]]:
    """List a user's tokens, without secrets."""
    return tokens_shown(named_user(call))


async def token(call: Call) -> dict[str, Any]:
    """Tell about one token, without its secret."""
    return token_shown(_token(call))


async def create_token(call: Call) -> dict[str, Any]:
    """Make a token; its secret is told this once."""
    found, name = named_user(call), call.text("tokenid")
    if name in found.tokens:
        raise invalid({"tokenid": "Token already exists."})
    secret = str(uuid.uuid4())
    made = Token(
        secret_hash=hashed(secret),
        privsep=call.switch("privsep", default=True),
        expire=call.number("expire", found.expire),
        comment=call.text("comment") or None,
    )
    found.tokens[name] = made
    _save(call)
    info: dict[str, Any] = {"privsep": str(int(made.privsep))}
    info |= {"comment": made.comment} if made.comment else {}
    info |= {"expire": call.text("expire")} if "expire" in call.parameters else {}
    return {"full-tokenid": f"{call.text('userid')}!{name}", "value": secret, "info": info}


async def change_token(call: Call) -> dict[str, Any]:
    """Change a token; with ``regenerate`` it gets a new secret, told this once."""
    found = _token(call)
    found.privsep = call.switch("privsep", default=found.privsep)
    found.expire = call.number("expire", found.expire)
    if "comment" in call.parameters:
        found.comment = call.text("comment") or None
    for key in filter(None, re.split(r"[,;\s]+", call.text("delete"))):
        _reset(found, key)
    shown = token_shown(found)
    if call.switch("regenerate"):
        secret = str(uuid.uuid4())
        found.secret_hash = hashed(secret)
        name = f"{call.text('userid')}!{call.text('tokenid')}"
        shown |= {"value": secret, "full-tokenid": name}
    _save(call)
    return shown


def _reset(found: Token, key: str) -> None:
    if key not in ("comment", "expire", "privsep"):
        raise invalid({"delete": f"unknown option '{key}'"})
    setattr(found, key, Token.model_fields[key].default)


async def delete_token(call: Call) -> None:
    """Remove a token and its rights."""
    _token(call)
    del named_user(call).tokens[call.text("tokenid")]
    forget_rights(call, f"{call.text('userid')}!{call.text('tokenid')}")


def _token(call: Call) -> Token:
    found = named_user(call).tokens.get(call.text("tokenid"))
    if found is None:
        raise Refusal(f"no such token '{call.text('tokenid')}' for user '{call.text('userid')}'")
    return found


def _save(call: Call) -> None:
    call.lab.store.save_rules(call.lab.site)


_ALL: Final = "/access/users/{userid}/token"
_ONE: Final = "/access/users/{userid}/token/{tokenid}"
ROUTES: Final[Mapping[str, Handler]] = {
    f"GET {_ALL}": tokens,
    f"GET {_ONE}": token,
    f"POST {_ONE}": create_token,
    f"PUT {_ONE}": change_token,
    f"DELETE {_ONE}": delete_token,
}
