"""The secrets of an embedded installation: made once, kept in a file of mode 0600."""

import secrets
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ValidationError

from common.contracts.topology import ACCESS
from common.security.sealing import new_key_line
from yard_cli.failure import Failure
from yard_cli.private_file import write_private
from yard_cli.stack.folder import DataFolder


class Secrets(BaseModel, frozen=True):
    """What the processes of one installation, and its first user, know of each other."""

    install_id: str
    setup_token: str
    username: str
    password: str
    nats: dict[str, str]


def load_or_make(folder: DataFolder) -> Secrets:
    """Return the installation's secrets; the first call makes them."""
    if not folder.secrets.exists():
        write_private(folder.secrets, _fresh().model_dump_json(indent=2).encode())
    if not folder.ssh_key.exists():
        _make_ssh_key(folder.ssh_key)
    for key in (folder.sealing_key, folder.hypervisor_key):
        if not key.exists():
            write_private(key, new_key_line().encode())
    try:
        return Secrets.model_validate_json(folder.secrets.read_bytes())
    except ValidationError as error:
        raise Failure(
            f"{folder.secrets} is damaged", "restore it from a backup, or begin with a new --data"
        ) from error


def _fresh() -> Secrets:
    return Secrets(
        install_id=f"yard-{secrets.token_hex(3)}",
        setup_token=secrets.token_urlsafe(32),
        username="admin",
        password=secrets.token_urlsafe(15),
        nats={service: secrets.token_urlsafe(32) for service in ACCESS},
    )


def _make_ssh_key(path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    write_private(path.with_suffix(".pub"), public + b" spawnyard\n")
    write_private(path, private)
