"""The provisioner's knobs."""

from pathlib import Path
from typing import Final

from pydantic import Field

from common.settings import ServiceSettings

MIRROR: Final = r"^(https?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9._/-]*)?)?$"


class Settings(ServiceSettings):
    """Read from the environment; each variable is prefixed ``SPAWNYARD_``."""

    port: int = Field(default=8082, ge=1, le=65_535, description="Port the HTTP server binds")
    ssh_private_key_file: Path = Field(
        description="Private key of this installation; guests know its public half"
    )
    sealing_key_file: Path = Field(
        description="Keys that open sealed settings, one per line in base64; the gateway has the "
        "same file"
    )
    guest_user: str = Field(
        default="yard",
        pattern=r"^[a-z_][a-z0-9_-]{0,31}$",
        description="User to log in to guests as; may use sudo without a password",
    )
    playbooks_dir: Path = Field(description="Folder with `site.yml` and `games/`")
    runs_dir: Path = Field(description="Folder for locks and the short-lived files of runs")
    download_base: str = Field(
        default="",
        pattern=MIRROR,
        description="A mirror of the games' downloads, which has `https://HOST/PATH` at"
        " `BASE/HOST/PATH`; empty: the vendors'",
    )
    guest_download_base: str = Field(
        default="",
        pattern=MIRROR,
        description="The same mirror by the address at which guests reach it; empty: it has one"
        " address for all",
    )
    concurrency: int = Field(default=8, ge=1, le=256, description="Runs worked on at once")
