"""Who may come in: users, their tokens, roles and the access list."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from pydantic import BaseModel

ROOT = "root@pam"


class Token(BaseModel):
    """A user's API token; with ``privsep`` it has only what the access list gives it."""

    secret_hash: str
    privsep: bool = True
    expire: int = 0
    comment: str | None = None


class User(BaseModel):
    """Somebody, with their tokens by short name."""

    password_hash: str | None = None
    enable: bool = True
    expire: int = 0
    comment: str | None = None
    email: str | None = None
    firstname: str | None = None
    lastname: str | None = None
    keys: str | None = None
    tokens: dict[str, Token] = {}


class Group(BaseModel):
    """Users who get rights together."""

    comment: str | None = None
    users: list[str] = []


class AclEntry(BaseModel):
    """A role given to a user, group or token (``who``) from a path downwards."""

    path: str
    kind: str  # user, group, token
    who: str
    role: str
    propagate: bool = True


def hashed(secret: str) -> str:
    """Hash a secret with salt: cheap, for the secrets of a lab."""
    salt = secrets.token_hex(8)
    return f"{salt}${_digest(salt, secret)}"


def matches(secret: str, stored: str | None) -> bool:
    """Compare a secret with its stored hash in constant time."""
    salt, _, digest = (stored or "").partition("$")
    return bool(digest) and hmac.compare_digest(digest, _digest(salt, secret))


def _digest(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}{secret}".encode()).hexdigest()


@cache
def built_in_roles(major: int) -> Mapping[str, list[str]]:
    """The roles every installation of a release has, with their privileges."""
    text = files("proxmox_lab").joinpath("data/roles.json").read_text()
    roles: dict[str, dict[str, list[str]]] = json.loads(text)
    return roles[str(major)]


def all_privileges(major: int) -> frozenset[str]:
    """Every privilege a release knows."""
    return frozenset(built_in_roles(major)["Administrator"])
