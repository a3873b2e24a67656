"""Who lends the hypervisor that counts now, and lets go of one that does not any more."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from common.contracts.hypervisor import HypervisorSettings
from vm_service.domain.settings_in_force import InForce
from vm_service.ports import Hypervisor, Instruments


class Pingable(Hypervisor, Instruments, Protocol):
    """A hypervisor with its instruments that can tell whether it answers."""

    async def ping(self) -> None:
        """Raise unless it answers and takes our token."""
        ...


@dataclass(slots=True, kw_only=True)
class Connection:
    """A hypervisor, and what lets go of it."""

    hypervisor: Pingable
    close: Callable[[], None]
    calls: int = 0
    is_retired: bool = False


class Lending:
    """Lends the hypervisor in use, call by call. One replaced is closed after its last call."""

    def __init__(self, connect: Callable[[HypervisorSettings], Connection]) -> None:
        self._connect = connect
        self._in_force = InForce(source="none")
        self._connection: Connection | None = None

    @property
    def is_idle(self) -> bool:
        """Tell whether there is none."""
        return self._connection is None

    @property
    def in_force(self) -> InForce:
        """What it was last told."""
        return self._in_force

    def use(self, in_force: InForce) -> None:
        """Use these settings from now on; nothing is asked of the hypervisor by that."""
        fresh = self._connect(in_force.settings) if in_force.settings else None
        old, self._connection, self._in_force = self._connection, fresh, in_force
        if old is not None:
            old.is_retired = True
            _close_if_idle(old)

    def close(self) -> None:
        """Let go of the hypervisor."""
        self.use(InForce(source="none"))

    @asynccontextmanager
    async def lent(self) -> AsyncGenerator[Pingable]:
        """Lend it for one call. Raises what is lacking if there is none."""
        connection = self._connection
        if connection is None:
            raise self._in_force.lack
        connection.calls += 1
        try:
            yield connection.hypervisor
        finally:
            connection.calls -= 1
            _close_if_idle(connection)


def _close_if_idle(connection: Connection) -> None:
    if connection.is_retired and not connection.calls:
        connection.close()
