"""What the sweeper reads and keeps: machines by VM id, and the state of the last sweep."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.base import now
from common.db.engine import Sessions
from common.db.leases import unleased
from common.db.outage import outages_named
from common.db.upsert import add_if_absent
from vm_service.adapters.rows import machine_of
from vm_service.adapters.tables import machines, sweeps
from vm_service.domain.orphans import Record, life_of
from vm_service.domain.program import Stage
from vm_service.domain.sweep import SWEEPER, SweepState

ONLY: Final = 1  # the one row there is


class SqlLedger:
    """Each call is a transaction of its own."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def records(self) -> Sequence[Record]:
        """Return every machine that has a VM id and is not gone."""
        return await self._read(machines.c.stage != Stage.GONE.value)

    async def about(self, vmid: int, *, server_id: str | None) -> Sequence[Record]:
        """Return every machine that has or had this VM id, and that of the server."""
        return await self._read(or_(machines.c.vmid == vmid, machines.c.server_id == server_id))

    async def _read(self, condition: ColumnElement[bool]) -> Sequence[Record]:
        query = select(machines).where(machines.c.vmid.is_not(None), condition)
        with outages_named():
            async with self._sessions() as session:
                rows = (await session.execute(query)).all()
        found = [(machine_of(row), row.changed_at) for row in rows]
        return [
            Record(
                server_id=machine.server_id,
                vmid=machine.vmid or 0,
                node=machine.node or "",
                life=life_of(machine),
                since=since,
                failure=machine.failure.reason if machine.failure else "",
                remedy=machine.failure.remedy if machine.failure else None,
            )
            for machine, since in found
        ]

    async def state(self) -> SweepState:
        """Return what the last sweep left."""
        with outages_named():
            async with self._sessions() as session:
                body = await session.scalar(select(sweeps.c.body))
        return SweepState.model_validate_json(body) if body else SweepState()

    async def keep(self, state: SweepState) -> None:
        """Leave this for the next sweep."""
        with outages_named():
            async with self._sessions.begin() as session:
                await _keep(session, state)


async def _keep(session: AsyncSession, state: SweepState) -> None:
    columns = {"body": state.model_dump_json(), "swept_at": state.swept_at or now()}
    if not await add_if_absent(session, sweeps, id=ONLY, **columns):
        await session.execute(update(sweeps).where(sweeps.c.id == ONLY).values(**columns))


async def due_sweeps(sessions: Sessions, limit: int, *, every: timedelta) -> Sequence[str]:
    """Return the sweeper if nobody sweeps right now, and the last sweep is so long ago."""
    recent = select(sweeps.c.id).where(sweeps.c.swept_at > now() - every)
    sweeper = literal(SWEEPER)
    query = select(sweeper).where(~recent.exists(), unleased(sweeper)).limit(limit)
    async with sessions() as session:
        return list(await session.scalars(query))
