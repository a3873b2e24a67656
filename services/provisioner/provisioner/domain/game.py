"""What the provisioner needs to know of a game; games themselves are folders of data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from common.contracts.servers import Endpoint, PublishedPort
from provisioner.domain.errors import StepFailed
from provisioner.domain.roster import Roster


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """A manifest's facts.

    ``secrets`` names the settings nobody may see. ``hang``: so many seconds without a sign of
    life, and its playbook is given up. ``inner_ports``: those that only the guest itself uses.
    ``fixed_ports``: those that must have the same number outside. ``source``: how a
    lock is made, of the ``variant`` the settings choose.
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
    inner_ports: Mapping[str, int] = field(default_factory=dict[str, int])
    directory: str | None = None
    variant: str | None = None
    source: Mapping[str, Any] = field(default_factory=dict[str, Any])
    fixed_ports: frozenset[str] = field(default_factory=frozenset[str])

    def demand_fixed_ports(self, endpoint: Endpoint) -> None:
        """Raise ``StepFailed`` if clients would be told a number at which nobody listens."""
        for port in endpoint.ports:
            if port.name in self.fixed_ports and port.public_port != port.guest_port:
                raise StepFailed(
                    f"the game tells its clients the port {port.guest_port}, but outside it is"
                    f" {port.public_port}",
                    remedy="Let the resolver of endpoints (SPAWNYARD_REACH) of the vm-service give"
                    " it the same number, or reach guests directly.",
                )

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


def varied(manifest: Mapping[str, Any], settings: Mapping[str, JsonValue]) -> Mapping[str, Any]:
    """Return the manifest with the chosen variant's blocks in place of its own."""
    chosen = variant(manifest, settings)
    return {**manifest, **manifest["variants"]["of"][chosen]} if chosen else manifest


def variant(manifest: Mapping[str, Any], settings: Mapping[str, JsonValue]) -> str | None:
    """Return which of the manifest's variants the settings choose, if any."""
    variants: Mapping[str, Any] = manifest.get("variants", {"of": {}})
    chosen = settings.get(variants.get("setting", ""))
    return chosen if isinstance(chosen, str) and chosen in variants["of"] else None
