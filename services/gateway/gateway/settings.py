"""The gateway's knobs."""

import re
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import NoDecode

from common.security.addresses import ANYWHERE, LOOPBACK, Allowance
from common.settings import ServiceSettings
from gateway.domain.delivering import RETRIES, Schedule
from gateway.domain.target import MAX_PORT

PLACE: Final = re.compile(r"(?P<host>\*|\[[0-9A-Fa-f:.]+\]|[\w.-]+):(?P<port>[0-9]{1,5})")
DAY: Final = 86_400  # seconds
PROXMOX: Final = (ANYWHERE, 8006)  # where its API is, and nothing that hears webhooks
USUAL_PORTS: Final = {"nats": 4222, "tls": 4222, "postgresql+asyncpg": 5432}


def _split(text: object) -> object:
    return re.split(r"[,\s]+", text.strip(", \n\t")) if isinstance(text, str) else text


def _place(text: str) -> str:
    found = PLACE.fullmatch(text)
    if found is None or not 0 < int(found["port"]) <= MAX_PORT:
        raise ValueError("write it as HOST:PORT, an IPv6 address in brackets, any host as *")
    return text


SEVERAL: Final = BeforeValidator(_split)
Networks = Annotated[tuple[IPvAnyNetwork, ...], NoDecode, SEVERAL]
Places = Annotated[tuple[Annotated[str, AfterValidator(_place)], ...], NoDecode, SEVERAL]
Wait = Annotated[float, Field(gt=0, le=DAY, allow_inf_nan=False)]
Waits = Annotated[tuple[Wait, ...], NoDecode, SEVERAL, Field(min_length=1, max_length=50)]


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
    webhook_allow_cidrs: Networks = Field(
        default=(),
        description="Inner networks that webhooks may be sent to, by http too, separated by "
        "commas or spaces: `192.168.1.0/24`. Default: public addresses by https alone",
    )
    webhook_closed: Places = Field(
        default=(),
        description="What no webhook is sent to even if its network is allowed: `host:port` of "
        "the log-service, Proxmox and so on, separated by commas or spaces; `*:port` is any "
        "host. The gateway itself, its database, its bus and port 8006 always are",
    )

    webhook_retry_waits: Waits = Field(
        default=RETRIES,
        description="Seconds that a webhook which did not arrive waits before each further "
        "attempt, give or take a fifth, separated by commas; after the last one it has failed",
    )

    def webhook_schedule(self) -> Schedule:
        """Return when a webhook is tried: at once, and then after each wait."""
        return Schedule(waits=(0, *self.webhook_retry_waits))

    def webhook_allowance(self) -> Allowance:
        """Return where webhooks may be sent to."""
        named = (
            (host, int(port)) for host, _, port in (p.rpartition(":") for p in self.webhook_closed)
        )
        own = (self.nats_url, self.database_url.get_secret_value())
        return Allowance(
            cidrs=self.webhook_allow_cidrs,
            closed=(
                *named,
                *(place for url in own if (place := _server(url)) is not None),
                (LOOPBACK, self.port),
                (self.host, self.port),
                PROXMOX,
            ),
        )


def _server(url: str) -> tuple[str, int] | None:
    """Return the host and port of a URL of ours, if it has one."""
    parts = urlsplit(url)
    port = parts.port or USUAL_PORTS.get(parts.scheme)
    return (parts.hostname, port) if parts.hostname and port else None
