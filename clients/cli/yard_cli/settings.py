"""What the command line reads from the environment."""

import os
from pathlib import Path
from typing import Final

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT: Final = Path(__file__).resolve().parents[3]
INHERITED: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "SSL_CERT_FILE"),
)
LAB: Final = "LAB_"  # settings of the lab's real guests: they are its own, not the stack's


class CliSettings(BaseSettings):
    """Where to find the installation this command line speaks to."""

    model_config = SettingsConfigDict(env_prefix="SPAWNYARD_", extra="ignore")

    data: Path = Field(default=ROOT / "data", description="Data folder of the embedded stack")
    playbooks: Path = Field(
        default=ROOT / "playbooks", description="Games and playbooks of the embedded stack"
    )
    url: str | None = Field(default=None, description="Address of a gateway elsewhere")
    webhook_allow_cidrs: str | None = Field(
        default=None,
        description="Inner networks that the embedded stack's webhooks may be sent to, in the "
        "place of 127.0.0.0/8; empty: none",
    )
    webhook_closed: str = Field(
        default="",
        description="host:port that no webhook of the embedded stack is sent to, besides its own",
    )
    webhook_retry_waits: str = Field(
        default="",
        description="Seconds before each further attempt at a webhook of the embedded stack, "
        "separated by commas; empty: the gateway's own",
    )
    config: Path = Field(
        default_factory=lambda: Path.home() / ".config" / "spawnyard",
        description="Folder that keeps the tokens for gateways elsewhere",
    )


def inherited(binaries: Path) -> dict[str, str]:
    """Return what every process of the stack inherits, with ``binaries`` first on its path."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    kept |= {name: value for name, value in os.environ.items() if name.startswith(LAB)}
    return kept | {
        "PATH": f"{binaries}:{kept.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
