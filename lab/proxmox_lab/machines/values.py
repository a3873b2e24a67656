"""Values on their way into the configuration: refused, or rewritten as Proxmox stores them."""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Final
from urllib.parse import unquote

from proxmox_lab.machines import config
from proxmox_lab.refusal import Refusal, invalid
from proxmox_lab.schema.properties import loosely
from proxmox_lab.site.seed import random_mac

_TAGS: Final = re.compile(r"[;,\s]+")
_KEY_TYPES: Final = re.compile(r"^(ssh-(rsa|dss|ed25519)|ecdsa-sha2-nistp\d+|sk-[\w@.-]+)$")
_MAC: Final = re.compile(r"^(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$")


def refuse(key: str, value: str) -> None:
    """Refuse a value that the parameter table cannot judge."""
    if key == "sshkeys":
        _refuse_keys(unquote(value))
    if key == "hookscript":
        raise invalid({"hookscript": f"script '{value}' does not exist\n"})


def stored(key: str, value: str) -> str:
    """Return the value as it is kept; empty means the key goes."""
    if config.NET.match(key):
        return _net(value)
    rewrite = _REWRITES.get(key)
    return rewrite(value) if rewrite else value


def _refuse_keys(text: str) -> None:
    for line in filter(None, (line.strip() for line in text.splitlines())):
        if not any(_is_key(pair) for pair in _pairs(line.split())):
            raise Refusal("SSH public key validation error")


def _pairs(words: list[str]) -> list[tuple[str, str]]:
    """A key may follow options such as ``from="…"``."""
    return list(pairwise(words))


def _is_key(pair: tuple[str, str]) -> bool:
    kind, blob = pair
    if not _KEY_TYPES.match(kind):
        return False
    try:
        raw = base64.b64decode(blob, validate=True)
    except ValueError:
        return False
    return raw[4 : 4 + len(kind)] == kind.encode() and _is_whole(raw)


def _is_whole(raw: bytes) -> bool:
    """A key is fields with their lengths, and nothing after them."""
    while raw:
        length = int.from_bytes(raw[:4])
        if len(raw) < 4 + length:
            return False
        raw = raw[4 + length :]
    return True


def _tags(value: str) -> str:
    return ";".join(sorted({tag.lower() for tag in _TAGS.split(value) if tag}))


def _password(value: str) -> str:
    if re.match(r"^\$[0-9a-z]+\$", value):
        return value
    salt = secrets.token_hex(4)
    digest = hashlib.sha256(f"{salt}{value}".encode()).digest()
    return f"$5${salt}${base64.b64encode(digest).decode().rstrip('=')}"


def _net(value: str) -> str:
    """A MAC is rolled where none was given."""
    parts = loosely(value)
    model, mac = parts.pop("", "") or parts.pop("model", ""), parts.pop("macaddr", "")
    for key in [key for key, text in parts.items() if _MAC.match(text)]:
        model, mac = key, parts.pop(key)
    rest = "".join(f",{key}={text}" for key, text in parts.items())
    return f"{model}={(mac or random_mac()).upper()}{rest}"


_REWRITES: Final[Mapping[str, Callable[[str], str]]] = {
    "tags": _tags,
    "cipassword": _password,
}
