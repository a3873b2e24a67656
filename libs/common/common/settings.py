"""The knobs every service has, read from the environment and nowhere else."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.contracts.ids import new_id


class ServiceSettings(BaseSettings):
    """Settings common to all services; each variable is prefixed ``SPAWNYARD_``."""

    # An empty variable is an unset one: compose files cannot leave one out.
    model_config = SettingsConfigDict(
        env_prefix="SPAWNYARD_", extra="ignore", env_ignore_empty=True
    )

    database_url: SecretStr = Field(
        description="SQLAlchemy URL: `sqlite+aiosqlite:///path` or `postgresql+asyncpg://…`"
    )
    nats_url: str = Field(default="nats://127.0.0.1:4222", description="Address of the NATS server")
    nats_user: str | None = Field(default=None, description="NATS user; the service's own name")
    nats_password: SecretStr | None = Field(default=None, description="Password of the NATS user")
    host: str = Field(default="127.0.0.1", description="Address the HTTP server binds")
    port: int = Field(default=8080, ge=1, le=65_535, description="Port the HTTP server binds")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")
    install_id: str = Field(
        default="spawnyard",
        pattern=r"^[a-z0-9-]{1,32}$",
        description="Name of this installation; marks its VMs as ours",
    )
    instance_id: str = Field(
        default_factory=lambda: new_id("instance"),
        description="Name of this process; owns leases. Fresh at each start unless set",
    )
