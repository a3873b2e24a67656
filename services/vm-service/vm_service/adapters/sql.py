"""The vm-service's memory: machines, and the VM ids that are not to be given out again."""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import func, insert, not_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.base import now
from common.db.engine import Sessions
from common.db.leases import Lease, SqlLeases, unleased
from common.db.mailbox import SqlInbox, SqlOutbox
from common.db.upsert import add_if_absent
from common.db.work import UnitOfWork
from vm_service.adapters.rows import columns, is_a_copy, machine_of, share_of, shares
from vm_service.adapters.tables import burnt_vmids, machines
from vm_service.domain.machine import Machine
from vm_service.domain.network import AddressBook, VmidRange
from vm_service.domain.program import Kind, Stage
from vm_service.domain.promises import Load, loads

_RESERVATIONS: Final = 7_264_019_339  # any number; copies of the service reserve one by one


class SqlMachines:
    """Machines, for as long as one transaction lasts."""

    def __init__(self, session: AsyncSession, vmids: VmidRange, addresses: AddressBook) -> None:
        self._session = session
        self._vmids = vmids
        self._addresses = addresses

    async def find(self, server_id: str) -> Machine | None:
        query = select(machines).where(machines.c.server_id == server_id).with_for_update()
        row = (await self._session.execute(query)).first()
        if row is None:
            return None
        machine = machine_of(row)
        if machine.net is None and machine.address is not None:  # older than such records
            return replace(machine, net=self._addresses.of(machine.address))
        return machine

    async def get(self, server_id: str) -> Machine:
        machine = await self.find(server_id)
        if machine is None:
            raise LookupError(server_id)
        return machine

    async def add(self, machine: Machine) -> None:
        await self._session.execute(insert(machines).values(**columns(machine)))

    async def save(self, machine: Machine) -> None:
        await self._session.execute(
            update(machines)
            .where(machines.c.server_id == machine.server_id)
            .values(**columns(machine))
        )

    async def reserve(self, machine: Machine, *, avoid: AbstractSet[str] = frozenset()) -> Machine:
        """Return the machine with a VM id and an address that no living one has."""
        await self._wait_in_line()
        vmid = machine.vmid or await self._free_vmid()
        net = self._addresses.assign(
            hint=vmid - self._vmids.first,
            taken=await self.addresses(but=machine.server_id) | avoid,
        )
        address = str(net.address.ip) if net.address else None
        return replace(machine, vmid=vmid, net=net, address=address)

    async def _wait_in_line(self) -> None:
        """Keep other copies from reserving until this transaction ends."""
        if self._session.get_bind().dialect.name == "postgresql":
            await self._session.execute(
                text("SELECT pg_advisory_xact_lock(:n)"), {"n": _RESERVATIONS}
            )

    async def used(self, *, but: str) -> Mapping[str, Load]:
        """Tell what of ours is on each node, but for one server; nobody reserves meanwhile."""
        await self._wait_in_line()
        return loads(share_of(row) for row in await self._session.execute(shares(but=but)))

    async def addresses(self, *, but: str) -> AbstractSet[str]:
        """Return the addresses of all living machines but that of one server."""
        query = select(machines.c.address, machines.c.address6).where(
            machines.c.stage != Stage.GONE.value, machines.c.server_id != but
        )
        rows = (await self._session.execute(query)).all()
        return {address for row in rows for address in row if address is not None}

    async def _free_vmid(self) -> int:
        living = select(machines.c.vmid).where(
            machines.c.stage != Stage.GONE.value, machines.c.vmid.is_not(None)
        )
        taken = {*await self._session.scalars(living)}
        taken |= {*await self._session.scalars(select(burnt_vmids.c.vmid))}
        return self._vmids.pick(newest=await self._newest(), taken=taken)

    async def _newest(self) -> int | None:
        """Return the highest id of the range that was ever given out or burnt."""
        ours = self._vmids.first, self._vmids.last
        used, burnt = [
            await self._session.scalar(select(func.max(ids)).where(ids.between(*ours)))
            for ids in (machines.c.vmid, burnt_vmids.c.vmid)
        ]
        found = [vmid for vmid in (used, burnt) if vmid is not None]
        return max(found, default=None)

    async def templates(self, *, game: str, recipe: str) -> Sequence[Machine]:
        """Return our templates for this game that were baked by this recipe."""
        query = select(machines).where(
            machines.c.stage == Stage.TEMPLATE.value,
            machines.c.spec["game"].as_string() == game,
            machines.c.spec["recipe"].as_string() == recipe,
        )
        return [machine_of(row) for row in await self._session.execute(query)]

    async def cloned_from(self, vmid: int) -> Sequence[str]:
        """Return the servers of all living machines whose disks rest on its, or are to."""
        query = select(machines.c.server_id).where(
            machines.c.stage != Stage.GONE.value,
            machines.c.place["template"].as_integer() == vmid,
            not_(is_a_copy()),
        )
        return (await self._session.scalars(query.order_by(machines.c.server_id))).all()

    async def burn(self, vmid: int, *, reason: str) -> None:
        """Never give out this VM id again: it is somebody else's."""
        await add_if_absent(
            self._session, burnt_vmids, vmid=vmid, reason=reason[:2000], burnt_at=now()
        )


@dataclass(frozen=True, slots=True)
class SqlWork:
    """What is within reach inside one transaction."""

    machines: SqlMachines
    inbox: SqlInbox
    outbox: SqlOutbox
    leases: SqlLeases


def binding(
    vmids: Callable[[], VmidRange], addresses: Callable[[], AddressBook]
) -> Callable[[AsyncSession], SqlWork]:
    """Return what puts a session's tables within reach, given what may be reserved by then."""

    def bind(session: AsyncSession) -> SqlWork:
        return SqlWork(
            SqlMachines(session, vmids(), addresses()),
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
        async with self.work(under_way=True) as tx:
            await tx.leases.check(self.lease)
            yield tx


async def due_machines(
    sessions: Sessions, limit: int, *, kinds: Collection[Kind] = frozenset(Kind)
) -> Sequence[str]:
    """Return unsettled machines that nobody works on, the longest untouched first."""
    query = (
        select(machines.c.server_id)
        .where(
            machines.c.stage == Stage.WORKING.value,
            machines.c.kind.in_([kind.value for kind in kinds]),
            unleased(machines.c.server_id),
        )
        .order_by(machines.c.changed_at)
        .limit(limit)
    )
    async with sessions() as session:
        return (await session.scalars(query)).all()
