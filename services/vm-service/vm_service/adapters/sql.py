"""The vm-service's memory: machines, and the VM ids that are not to be given out again."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from sqlalchemy import Row, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.base import now
from common.contracts.servers import Endpoint, ServerSpec
from common.db.engine import Sessions
from common.db.leases import Lease, SqlLeases, unleased
from common.db.mailbox import SqlInbox, SqlOutbox
from common.db.upsert import add_if_absent
from common.db.work import UnitOfWork
from vm_service.adapters.tables import burnt_vmids, machines
from vm_service.domain.machine import UNSETTLED, Failure, Machine, Stage
from vm_service.domain.network import AddressPool, VmidRange

_RESERVATIONS: Final = 7_264_019_339  # any number; copies of the service reserve one by one


class SqlMachines:
    """Machines, for as long as one transaction lasts."""

    def __init__(self, session: AsyncSession, vmids: VmidRange, addresses: AddressPool) -> None:
        self._session = session
        self._vmids = vmids
        self._addresses = addresses

    async def find(self, server_id: str) -> Machine | None:
        query = select(machines).where(machines.c.server_id == server_id).with_for_update()
        row = (await self._session.execute(query)).first()
        return _machine(row) if row is not None else None

    async def get(self, server_id: str) -> Machine:
        machine = await self.find(server_id)
        if machine is None:
            raise LookupError(server_id)
        return machine

    async def add(self, machine: Machine) -> None:
        await self._session.execute(insert(machines).values(**_columns(machine)))

    async def save(self, machine: Machine) -> None:
        await self._session.execute(
            update(machines)
            .where(machines.c.server_id == machine.server_id)
            .values(**_columns(machine))
        )

    async def reserve(self, machine: Machine) -> Machine:
        """Return the machine with a VM id and an address that no living one has."""
        if self._session.get_bind().dialect.name == "postgresql":
            await self._session.execute(
                text("SELECT pg_advisory_xact_lock(:n)"), {"n": _RESERVATIONS}
            )
        living = select(machines.c.vmid, machines.c.address).where(
            machines.c.stage != Stage.GONE.value, machines.c.vmid.is_not(None)
        )
        held = (await self._session.execute(living)).all()
        burnt = await self._session.scalars(select(burnt_vmids.c.vmid))
        taken = {row.vmid for row in held} | set(burnt)
        vmid = self._vmids.pick(newest=await self._newest(), taken=taken)
        address = self._addresses.pick(
            hint=vmid - self._vmids.first, taken={row.address for row in held}
        )
        return replace(machine, vmid=vmid, address=address)

    async def _newest(self) -> int | None:
        """Return the highest id ever given out or burnt."""
        used = await self._session.scalar(select(func.max(machines.c.vmid)))
        burnt = await self._session.scalar(select(func.max(burnt_vmids.c.vmid)))
        found = [vmid for vmid in (used, burnt) if vmid is not None]
        return max(found, default=None)

    async def burn(self, vmid: int, *, reason: str) -> None:
        """Never give out this VM id again: it is somebody else's."""
        await add_if_absent(
            self._session, burnt_vmids, vmid=vmid, reason=reason[:2000], burnt_at=now()
        )


def _columns(machine: Machine) -> dict[str, object]:
    return {
        "server_id": machine.server_id,
        "operation_id": machine.operation_id,
        "stage": machine.stage.value,
        "spec": machine.spec.model_dump(mode="json") if machine.spec else None,
        "deadline": machine.deadline,
        "vmid": machine.vmid,
        "node": machine.node,
        "address": machine.address,
        "owned": machine.owned,
        "task": machine.task,
        "attempt": machine.attempt,
        "since": machine.since,
        "told": machine.told,
        "host_keys": list(machine.host_keys),
        "endpoint": machine.endpoint.model_dump(mode="json") if machine.endpoint else None,
        "failure": asdict(machine.failure) if machine.failure else None,
        "changed_at": now(),
    }


def _machine(row: Row[Any]) -> Machine:
    return Machine(
        server_id=row.server_id,
        operation_id=row.operation_id,
        stage=Stage(row.stage),
        spec=ServerSpec.model_validate(row.spec) if row.spec else None,
        deadline=row.deadline,
        vmid=row.vmid,
        node=row.node,
        address=row.address,
        owned=row.owned,
        task=row.task,
        attempt=row.attempt,
        since=row.since,
        told=row.told,
        host_keys=tuple(row.host_keys),
        endpoint=Endpoint.model_validate(row.endpoint) if row.endpoint else None,
        failure=Failure(**row.failure) if row.failure else None,
    )


@dataclass(frozen=True, slots=True)
class SqlWork:
    """What is within reach inside one transaction."""

    machines: SqlMachines
    inbox: SqlInbox
    outbox: SqlOutbox
    leases: SqlLeases


def binding(vmids: VmidRange, addresses: AddressPool) -> Callable[[AsyncSession], SqlWork]:
    """Return what puts a session's tables within reach, given what may be reserved."""

    def bind(session: AsyncSession) -> SqlWork:
        return SqlWork(
            SqlMachines(session, vmids, addresses),
            SqlInbox(session),
            SqlOutbox(session),
            SqlLeases(session),
        )

    return bind


@dataclass(frozen=True, slots=True)
class FencedWork:
    """Transactions that fail when the lease is somebody else's by now."""

    work: UnitOfWork[SqlWork]
    lease: Lease

    def __call__(self) -> AbstractAsyncContextManager[SqlWork]:
        """Open a transaction under the lease. Raises ``LeaseLost``."""
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[SqlWork]:
        async with self.work() as tx:
            await tx.leases.check(self.lease)
            yield tx


async def due_machines(sessions: Sessions, limit: int) -> Sequence[str]:
    """Return unsettled machines that nobody works on, the longest untouched first."""
    query = (
        select(machines.c.server_id)
        .where(
            machines.c.stage.in_([stage.value for stage in UNSETTLED]),
            unleased(machines.c.server_id),
        )
        .order_by(machines.c.changed_at)
        .limit(limit)
    )
    async with sessions() as session:
        return (await session.scalars(query)).all()
