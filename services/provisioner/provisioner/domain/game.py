"""What the provisioner needs to know of a game; games themselves are folders of data."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from common.contracts.servers import Endpoint, PublishedPort
from provisioner.domain.errors import StepFailed
from provisioner.domain.roster import LONGEST, Roster


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The protocol a game can be asked by, and the name of the port that answers."""

    protocol: str
    port: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """The line by which a game says that it is up. ``file``: where; none: in the journal."""

    line: re.Pattern[str]
    file: str | None = None

    def is_among(self, lines: Iterable[str]) -> bool:
        """Return whether it was given; players may have written lines, too: it counts whole."""
        return any(len(line) <= LONGEST and self.line.fullmatch(line) for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """A manifest's facts.

    ``port`` names the one that people connect to. It is up when it has given its ``sign`` and
    answers its ``query``, whichever it has. ``secrets`` names the settings nobody may see,
    ``quiet`` those the game takes without a restart.
    ``hang``: so many seconds without a sign of life, and its playbook is given up.
    ``inner_ports``: those that only the guest itself uses. ``fixed_ports``: those that must have
    the same number outside. ``played``: a digest of the playbook, where a restart may depend on it;
    else nothing. ``source``: how a lock is made, of the ``variant`` the settings choose.
    """

    id: str
    version: str
    unit: str
    connect: str
    port: str
    ready_timeout: float
    query: Query | None = None
    sign: Sign | None = None
    tasks: int = 0
    tasks_of_bake: int = 0
    hang: float = 900.0
    secrets: frozenset[str] = field(default_factory=frozenset[str])
    quiet: frozenset[str] = field(default_factory=frozenset[str])
    played: str = ""
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

    def connect_line(self, endpoint: Endpoint) -> str:
        """Return what a player types to get in."""
        host = endpoint.public_host
        shown = f"[{host}]" if ":" in host else host
        port = str(published(endpoint, self.port).public_port)
        return self.connect.replace("{host}", shown).replace("{port}", port)


def published(endpoint: Endpoint, name: str) -> PublishedPort:
    """Return where the world finds the port of this name. Raises ``StepFailed``."""
    for port in endpoint.ports:
        if port.name == name:
            return port
    raise StepFailed(
        f"the VM's endpoint has no port named {name!r}",
        remedy="Check the resolver of endpoints (SPAWNYARD_REACH) of the vm-service.",
    )


def varied(manifest: Mapping[str, Any], settings: Mapping[str, JsonValue]) -> Mapping[str, Any]:
    """Return the manifest with the chosen variant's blocks in place of its own."""
    chosen = variant(manifest, settings)
    return {**manifest, **manifest["variants"]["of"][chosen]} if chosen else manifest


def variant(manifest: Mapping[str, Any], settings: Mapping[str, JsonValue]) -> str | None:
    """Return which of the manifest's variants the settings choose, if any."""
    variants: Mapping[str, Any] = manifest.get("variants", {"of": {}})
    chosen = settings.get(variants.get("setting", ""))
    return chosen if isinstance(chosen, str) and chosen in variants["of"] else None
