"""From a server's spec to what Ansible and SSH are told.

Whatever a person has typed is wrapped as unsafe text, so that Ansible never takes it for a
template; names that Ansible could take for its own are refused.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from common.contracts.servers import Endpoint, ServerSpec
from provisioner.domain.errors import StepFailed
from provisioner.domain.game import Game
from provisioner.domain.restart import Manner

SSH_PORT: Final = 22
SOCKET_PATH_LIMIT: Final = 85  # SSH appends 17 characters to at most 108
HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]{0,252}")
USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
SETTING: Final = re.compile(r"(?!ansible_)[a-z][a-z0-9_]{0,63}")
HOST_KEY: Final = re.compile(
    r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d{3}) ([A-Za-z0-9+/]+=*)( .*)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A guest as SSH reaches it: with the installation's ``key_file``, or a key of its own.

    ``private_key`` is the text of that one; it is written where only we read, and not for long.
    """

    host: str
    port: int
    user: str
    key_file: Path
    private_key: str | None = field(default=None, repr=False)


def target(endpoint: Endpoint, *, user: str, key_file: Path) -> Target:
    """Return the guest's SSH address; what could be taken for an option is refused."""
    if not HOST.fullmatch(endpoint.ssh_host) or not USER.fullmatch(user):
        raise StepFailed(f"not an address SSH can be given: {endpoint.ssh_host[:80]!r}")
    return Target(host=endpoint.ssh_host, port=endpoint.ssh_port, user=user, key_file=key_file)


def known_hosts(target: Target, keys: Sequence[str]) -> str:
    """Return the file that proves the guest is the guest."""
    name = target.host if target.port == SSH_PORT else f"[{target.host}]:{target.port}"
    lines: list[str] = []
    for key in keys:
        match = HOST_KEY.fullmatch(key.strip())
        if match is None:
            raise StepFailed(f"not a host key: {key[:40]!r}")
        lines.append(f"{name} {match[1]} {match[2]}\n")
    return "".join(lines)


def login_name(target: Target, keys: Sequence[str]) -> str:
    """Return a short name for logging in there, by this key, to whoever proves one of these."""
    key = target.private_key or str(target.key_file)
    words = (target.user, target.host, str(target.port), key, *keys)
    return sha256("\0".join(words).encode()).hexdigest()[:12]


def shared_by(socket: Path | None, *, stays: int = 0) -> tuple[str, ...]:
    """Return options by which a login goes through the connection of this socket, if there is one.

    ``stays``: one that finds none makes it, and it stays so many seconds after the last login.
    None is shared where the socket's path is too long.
    """
    if socket is None or len(str(socket)) >= SOCKET_PATH_LIMIT:
        return ()
    made = ("ControlMaster=auto", f"ControlPersist={stays}s") if stays else ("ControlMaster=no",)
    return tuple(word for it in (*made, f'ControlPath="{socket}"') for word in ("-o", it))


def ssh_options(known_hosts: Path, *, first_use: bool = False) -> tuple[str, ...]:
    """Return options that keep SSH to this one key and away from anybody's own settings."""
    settings = {
        "StrictHostKeyChecking": "accept-new" if first_use else "yes",
        "UserKnownHostsFile": f'"{known_hosts}"',
        "GlobalKnownHostsFile": "/dev/null",
        "HashKnownHosts": "no",
        "UpdateHostKeys": "no",
        "CheckHostIP": "no",
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "ForwardAgent": "no",
        "ConnectTimeout": "10",
        "ServerAliveInterval": "10",
        "ServerAliveCountMax": "3",
    }
    options = ("-F", "/dev/null")
    return options + tuple(word for k, v in settings.items() for word in ("-o", f"{k}={v}"))


def inventory(target: Target) -> dict[str, JsonValue]:
    """Return the inventory: one guest, and how to log in."""
    guest: dict[str, JsonValue] = {
        "ansible_host": target.host,
        "ansible_port": target.port,
        "ansible_user": target.user,
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    if target.private_key is None:  # else the run lays its own beside the inventory
        guest["ansible_ssh_private_key_file"] = str(target.key_file)
    return {"all": {"hosts": {"guest": guest}}}


def variables(
    spec: ServerSpec,
    *,
    game: Game,
    settings: Mapping[str, JsonValue],
    lock: Mapping[str, JsonValue],
    download_base: str,
    manner: Manner,
) -> dict[str, JsonValue]:
    """Return the playbook's variables, as ``playbooks/site.yml`` lists them."""
    for name in settings:
        if not SETTING.fullmatch(name):
            raise StepFailed(f"not a name for a setting: {name[:80]!r}")
    return {
        "game": spec.game,
        "unit": game.unit,
        "settings": unsafe(dict(settings)),
        "ports": {**{port.name: port.number for port in spec.ports}, **game.inner_ports},
        "lock": unsafe(dict(lock)),
        "memory_mib": spec.plan.memory_mib,
        "download_base": unsafe(download_base),
        "restart": manner.restart,
        "renew": manner.renew,
    }


def unsafe(value: JsonValue) -> JsonValue:
    """Wrap every text in ``value``, however deep, as text that Ansible must not evaluate."""
    match value:
        case str():
            return {"__ansible_unsafe": value}
        case list():
            return [unsafe(item) for item in value]
        case dict():
            return {key: unsafe(item) for key, item in value.items()}
        case _:
            return value
