"""The last look at what is sent to Proxmox, which puts some of it together by concatenation."""

import re
from collections.abc import Mapping
from typing import Final

from common.contracts.hypervisor import NODE
from vm_service.domain.trouble import Trouble, Verdict

LONGEST: Final = 8192

_KEY: Final = r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-[\w@.-]+) [A-Za-z0-9+/]+={0,3}"
_ANYTHING: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*")
_SSH_KEYS: Final = re.compile(rf"{_KEY}( [^\x00-\x1f\x7f]*)?(\r?\n{_KEY}( [^\x00-\x1f\x7f]*)?)*\n?")
_PATH: Final = re.compile(r"[A-Za-z0-9_:!@.+/-]+")

# What each parameter has to look like; those not named here hold no control characters.
FORMS: Final[Mapping[str, re.Pattern[str]]] = {
    "name": re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"),
    "description": re.compile(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f]*"),  # lines are fine
    "pool": re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*"),
    "storage": re.compile(r"[A-Za-z][A-Za-z0-9._-]*[A-Za-z0-9]"),
    "target": re.compile(NODE),
    "disk": re.compile(r"(scsi|virtio|sata|ide)\d{1,2}"),
    "size": re.compile(r"\d{1,9}[KMGT]?"),
    "net0": re.compile(r"[A-Za-z0-9=:,._;-]+"),
    "ipconfig0": re.compile(r"[A-Za-z0-9=:,./]+"),
    "nameserver": re.compile(r"[0-9A-Fa-f:. ]+"),
    "searchdomain": re.compile(r"[a-z0-9.-]+"),
    "ciuser": re.compile(r"[a-z_][a-z0-9_-]{0,31}"),
    "sshkeys": re.compile(r"[A-Za-z0-9_.~%-]*"),  # percent-encoded, with nothing safe
    "tags": re.compile(r"[a-z0-9_][a-z0-9_+.-]*(;[a-z0-9_][a-z0-9_+.-]*)*"),
}


def vetted_path(path: str) -> str:
    """Return the path, if it goes nowhere but where it says."""
    if not _PATH.fullmatch(path) or any(part in {"", ".", ".."} for part in path.split("/")):
        raise Trouble(Verdict.REFUSED, f"{path!r} is not a path of Proxmox's API")
    return path


def vetted(parameters: Mapping[str, object]) -> dict[str, str | int | float]:
    """Return what is sent: booleans as 0 and 1, without what is ``None``."""
    return {name: _vetted(name, value) for name, value in parameters.items() if value is not None}


def _vetted(name: str, value: object) -> str | int | float:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    text = str(value)
    if len(text) > LONGEST or not FORMS.get(name, _ANYTHING).fullmatch(text):
        shown = f"{text[:40]!r}" if name not in {"sshkeys", "description"} else "its value"
        raise Trouble(
            Verdict.REFUSED,
            f"{name} is not sent to Proxmox: {shown} is not of the form it must have",
            "correct the setting or the server's name it comes from",
        )
    return text


def vetted_keys(text: str) -> str:
    """Return SSH keys, one a line, if that is all the text holds."""
    if not _SSH_KEYS.fullmatch(text):
        raise Trouble(
            Verdict.REFUSED,
            "the SSH key for the guests is not one OpenSSH public key a line",
            "put one OpenSSH public key a line, without comment lines, into "
            "SPAWNYARD_SSH_PUBLIC_KEY_FILE and SPAWNYARD_OPERATOR_KEYS_FILE",
        )
    return text
