"""The gateway's knobs."""

from pathlib import Path

from pydantic import Field, SecretStr

from common.settings import ServiceSettings


class Settings(ServiceSettings):
    """Read from the environment, prefix ``SPAWNYARD_``."""

    token_key_file: Path = Field(
        description="ES256 private key in PEM that signs tokens; made at the first start"
    )
    sealing_key_file: Path = Field(
        description="Keys that secret settings are sealed with, one per line in base64; "
        "the provisioner has the same file"
    )
    hypervisor_key_file: Path | None = Field(
        default=None,
        description="Keys that the hypervisor's token is sealed with, one per line in base64; "
        "the vm-service has the same file, nobody else",
    )
    setup_token: SecretStr | None = Field(
        default=None, description="Whoever holds it may add the first user, once"
    )
    games_dir: Path = Field(
        default=Path("playbooks/games"), description="The catalogue: one folder a game"
    )
    public_log_url: str = Field(
        default="http://127.0.0.1:8083",
        pattern=r"^https?://[^\s?#]+$",
        description="Where clients reach the log-service",
    )
    issuer: str = Field(default="spawnyard", description="Name that tokens carry as their issuer")
    reconcile_every: float = Field(
        default=15, gt=0, description="Seconds between two looks after quiet operations"
    )
    quiet_after: float = Field(
        default=30, gt=0, description="Seconds without a sign after which a request is repeated"
    )
