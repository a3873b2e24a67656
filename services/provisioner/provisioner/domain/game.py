"""What the provisioner needs to know of a game; games themselves are folders of data."""

from dataclasses import dataclass, field

from common.contracts.servers import Endpoint, PublishedPort
from provisioner.domain.errors import StepFailed
from provisioner.domain.roster import Roster


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """A manifest's facts.

    ``secrets`` names the settings nobody may see. ``hang``: so many seconds without a sign of
    life, and its playbook is given up.
    """

    id: str
    version: str
    unit: str
    connect: str
    query_protocol: str
    query_port: str
    ready_timeout: float
    tasks: int = 0
    hang: float = 900.0
    secrets: frozenset[str] = field(default_factory=frozenset[str])
    roster: Roster | None = None  # where its query does not tell who plays

    def published(self, endpoint: Endpoint) -> PublishedPort:
        """Return where the world finds the port the game is asked on."""
        for port in endpoint.ports:
            if port.name == self.query_port:
                return port
        raise StepFailed(
            f"the VM's endpoint has no port named {self.query_port!r}",
            remedy="Check the resolver of endpoints (SPAWNYARD_REACH) of the vm-service.",
        )

    def connect_line(self, endpoint: Endpoint) -> str:
        """Return what a player types to get in."""
        host = endpoint.public_host
        shown = f"[{host}]" if ":" in host else host
        port = str(self.published(endpoint).public_port)
        return self.connect.replace("{host}", shown).replace("{port}", port)
