"""What the handlers of the hypervisor's settings need of the outside, in their own words."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from common.contracts.hypervisor import Diagnosis, HypervisorSettings
from vm_service.domain.doctor.chart import Holdings
from vm_service.domain.settings_in_force import InForce

Examine = Callable[[HypervisorSettings, Holdings], Awaitable[Diagnosis]]


@dataclass(frozen=True, slots=True)
class Stored:
    """The settings as they rest: the secret is an envelope."""

    revision: int
    settings: HypervisorSettings


class Store(Protocol):
    """Where settings rest."""

    async def find(self) -> Stored | None:
        """Return what is stored, if anything is."""
        ...

    async def save(self, settings: HypervisorSettings, *, over: int) -> int | None:
        """Store them over revision ``over``; return the new one, or none if it has gone by."""
        ...

    async def holdings(self) -> Holdings:
        """Return what our living machines hold."""
        ...


class Seals(Protocol):
    """The seal that the gateway has too."""

    def seal(self, data: bytes, *, server_id: str, pointer: str) -> str:
        """Return an envelope."""
        ...

    def open(self, envelope: str, *, server_id: str, pointer: str) -> bytes:
        """Return what is in it. Raises ``CannotOpen``."""
        ...


class Live(Protocol):
    """The hypervisor in use."""

    @property
    def in_force(self) -> InForce:
        """What it was last told."""
        ...

    def use(self, in_force: InForce) -> None:
        """Use these settings from now on; calls under way end as they began."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything the handlers work with. ``environment`` counts while nothing is stored."""

    store: Store
    seals: Seals | None
    live: Live
    environment: HypervisorSettings | None
    examine: Examine
