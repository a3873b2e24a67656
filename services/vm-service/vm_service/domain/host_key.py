"""SSH host keys as a guest tells them: input from a stranger, read with care."""

import base64
import binascii
import re
from typing import Final

from pydantic import BaseModel, ValidationError

HOST_KEY_FILE: Final = "/etc/ssh/ssh_host_ed25519_key.pub"
SETUP_FILE: Final = "/run/cloud-init/status.json"  # begun anew at each boot

_KIND: Final = "ssh-ed25519"
_LINE: Final = re.compile(rf"\A{_KIND} (?P<blob>[A-Za-z0-9+/]+={{0,2}})(?: [^\r\n]*)?\r?\n?\Z")
_LENGTH: Final = 4 + len(_KIND) + 4 + 32


def host_key(text: str) -> str | None:
    """Return ``ssh-ed25519 <base64>`` if the text is exactly one such key, else nothing."""
    match = _LINE.match(text) if len(text) <= 1024 else None  # noqa: PLR2004  a key has 80
    if match is None:
        return None
    try:
        blob = base64.b64decode(match["blob"], validate=True)
    except binascii.Error:
        return None
    head = len(_KIND).to_bytes(4) + _KIND.encode() + (32).to_bytes(4)
    return f"{_KIND} {match['blob']}" if len(blob) == _LENGTH and blob.startswith(head) else None


class _Stage(BaseModel):
    finished: float | None = None


class _Stages(BaseModel):
    init: _Stage = _Stage()


class _Status(BaseModel):
    v1: _Stages


def is_set_up(text: str) -> bool | None:
    """Tell whether cloud-init has made this boot's host keys; none if the text does not say.

    It makes them in the stage before SSH starts, anew for what it takes for another instance.
    """
    try:
        return _Status.model_validate_json(text).v1.init.finished is not None
    except ValidationError:
        return None
