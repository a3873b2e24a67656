"""The hypervisor's settings in the database: one row, whose revision counts up."""

from typing import Final

from sqlalchemy import select, update

from common.contracts.base import now
from common.contracts.hypervisor import HypervisorSettings
from common.db.engine import Sessions
from common.db.outage import outages_named
from common.db.upsert import add_if_absent
from vm_service.adapters.tables import hypervisor_settings, machines
from vm_service.desk import Stored
from vm_service.domain.doctor.chart import Holdings
from vm_service.domain.program import Stage

ROW: Final = 1
STANDING: Final = frozenset(
    {Stage.READY.value, Stage.OFF.value, Stage.RELEASED.value}  # a VM is there
)


class SqlStore:
    """Settings at rest, for all copies of the service."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def find(self) -> Stored | None:
        """Return what is stored, if anything is."""
        query = select(hypervisor_settings.c.revision, hypervisor_settings.c.settings)
        with outages_named():
            async with self._sessions() as session:
                row = (await session.execute(query)).first()
        if row is None:
            return None
        return Stored(row.revision, HypervisorSettings.model_validate(row.settings))

    async def save(self, settings: HypervisorSettings, *, over: int) -> int | None:
        """Store them over revision ``over``; return the new one, or none if it has gone by."""
        values = {
            "revision": over + 1,
            "settings": settings.model_dump(mode="json"),
            "changed_at": now(),
        }
        change = (
            update(hypervisor_settings)
            .where(hypervisor_settings.c.id == ROW, hypervisor_settings.c.revision == over)
            .values(**values)
            .returning(hypervisor_settings.c.revision)
        )
        with outages_named():
            async with self._sessions.begin() as session:
                if over == 0:
                    is_first = await add_if_absent(session, hypervisor_settings, id=ROW, **values)
                    return over + 1 if is_first else None
                return await session.scalar(change)

    async def holdings(self) -> Holdings:
        """Return what our living machines hold."""
        query = select(machines.c.vmid, machines.c.address, machines.c.stage).where(
            machines.c.stage != Stage.GONE.value
        )
        with outages_named():
            async with self._sessions() as session:
                rows = (await session.execute(query)).all()
        return Holdings(
            vmids=frozenset(row.vmid for row in rows if row.vmid is not None),
            made=frozenset(
                row.vmid for row in rows if row.vmid is not None and row.stage in STANDING
            ),
            addresses=frozenset(row.address for row in rows if row.address is not None),
        )
