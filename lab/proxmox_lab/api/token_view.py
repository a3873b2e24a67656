"""Tokens as they are told: everything but the secret."""

from typing import Any

from proxmox_lab.site.people import Token, User


def tokens_shown(user: User) -> list[dict[str, Any]]:
    """Tell all tokens of a user."""
    tokens = sorted(user.tokens.items())
    return [{"tokenid": name, **token_shown(token)} for name, token in tokens]


def token_shown(token: Token) -> dict[str, Any]:
    """Tell a token without its secret."""
    shown: dict[str, Any] = {"privsep": int(token.privsep), "expire": token.expire}
    return shown | ({"comment": token.comment} if token.comment else {})
