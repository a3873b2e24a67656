"""The log-service's knobs."""

from pydantic import Field

from common.settings import ServiceSettings


class Settings(ServiceSettings):
    """Read from the environment, prefix ``SPAWNYARD_``."""

    port: int = Field(default=8083, ge=1, le=65_535, description="Port the HTTP server binds")
    jwks_url: str = Field(
        default="http://127.0.0.1:8080/.well-known/jwks.json",
        description="Where the gateway publishes the keys that sign tickets",
    )
    issuer: str = Field(default="spawnyard", description="Who must have issued a ticket")
    allowed_origins: str = Field(
        default="",
        description="Origins of web pages that may read logs, separated by commas; "
        "the service's own host always may",
    )

    @property
    def origins(self) -> tuple[str, ...]:
        """The allowed origins, one by one."""
        return tuple(o.strip().rstrip("/") for o in self.allowed_origins.split(",") if o.strip())
