"""The provisioner's memory, on SQLite and PostgreSQL alike."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import (
    Boolean,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts import events as evt
from common.contracts.base import now
from common.contracts.servers import Lock, ServerSpec, TaskTiming
from common.db.engine import Sessions
from common.db.leases import Lease, SqlLeases, unleased
from common.db.mailbox import SqlInbox, SqlOutbox
from common.db.types import UTCDateTime
from common.db.work import UnitOfWork
from provisioner.adapters.counts_sql import SqlCounts
from provisioner.adapters.keys_sql import SqlKeys
from provisioner.domain.run import UNSETTLED, Outcome, Run, Stage
from provisioner.ports import UnitOfWork as Work

TIMINGS: Final = TypeAdapter(tuple[TaskTiming, ...])

metadata: Final = MetaData()

runs: Final = Table(
    "runs",
    metadata,
    Column("server_id", String(80), primary_key=True),
    Column("operation_id", String(80), nullable=False),
    Column("stage", String(20), nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    Column("vm", Text, nullable=True),
    Column("host_keys", Text, nullable=False),
    Column("outcome", Text, nullable=True),
    Column("updated_at", UTCDateTime, nullable=False),
    Column("applied", Text, nullable=True),
    Column("unfinished", Boolean, nullable=False, server_default=false()),
    Column("timings", Text, nullable=True),
    Column("lock", Text, nullable=True),
    Column("former", Text, nullable=True),
    Column("played", String(64), nullable=True),
)


class SqlRuns:
    """Runs, for as long as one transaction lasts."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, server_id: str) -> Run | None:
        """Return the run, locked until the transaction ends."""
        query = select(runs).where(runs.c.server_id == server_id).with_for_update()
        row = (await self._session.execute(query)).mappings().first()
        return None if row is None else _run(row)

    async def save(self, run: Run) -> None:
        """Write the run, new or known."""
        columns = _columns(run)
        known = await self._session.scalar(
            update(runs)
            .where(runs.c.server_id == run.server_id)
            .values(**columns)
            .returning(runs.c.server_id)
        )
        if known is None:
            await self._session.execute(insert(runs).values(server_id=run.server_id, **columns))


def _columns(run: Run) -> dict[str, object]:
    return {
        "operation_id": run.operation_id,
        "stage": run.stage.value,
        "attempt": run.attempt,
        "vm": run.vm.model_dump_json() if run.vm else None,
        "host_keys": json.dumps(run.host_keys),
        "outcome": run.outcome.model_dump_json() if run.outcome else None,
        "updated_at": now(),
        "applied": run.applied.model_dump_json() if run.applied else None,
        "unfinished": run.unfinished,
        "lock": run.lock.model_dump_json() if run.lock else None,
        "former": run.former.model_dump_json() if run.former else None,
        "played": run.played,
        "timings": TIMINGS.dump_json(run.timings).decode(),
    }


def _run(row: Mapping[Any, Any]) -> Run:
    return Run(
        server_id=row["server_id"],
        operation_id=row["operation_id"],
        stage=Stage(row["stage"]),
        attempt=row["attempt"],
        vm=evt.VMReady.model_validate_json(row["vm"]) if row["vm"] else None,
        host_keys=tuple(json.loads(row["host_keys"])),
        outcome=_outcome(row["outcome"]),
        applied=ServerSpec.model_validate_json(row["applied"]) if row["applied"] else None,
        unfinished=row["unfinished"],
        lock=Lock.model_validate_json(row["lock"]) if row["lock"] else None,
        former=ServerSpec.model_validate_json(row["former"]) if row["former"] else None,
        timings=TIMINGS.validate_json(row["timings"] or "[]"),
        played=row["played"],
    )


def _outcome(stored: str | None) -> Outcome | None:
    if stored is None:
        return None
    found = evt.decode(stored.encode())
    assert isinstance(found, Outcome)
    return found


@dataclass(frozen=True, slots=True)
class SqlWork:
    """What is within reach inside a transaction."""

    runs: SqlRuns
    keys: SqlKeys
    counts: SqlCounts
    inbox: SqlInbox
    outbox: SqlOutbox
    leases: SqlLeases


def bind(session: AsyncSession) -> SqlWork:
    """Return what is within reach in this session's transaction."""
    return SqlWork(
        runs=SqlRuns(session),
        keys=SqlKeys(session),
        counts=SqlCounts(session),
        inbox=SqlInbox(session),
        outbox=SqlOutbox(session),
        leases=SqlLeases(session),
    )


def fenced(work: UnitOfWork[SqlWork], lease: Lease) -> Work:
    """Return a unit of work in which nothing commits once the lease is lost."""

    @asynccontextmanager
    async def transaction() -> AsyncGenerator[SqlWork]:
        async with work(under_way=True) as tx:
            await tx.leases.check(lease)
            yield tx

    return transaction


async def find_due(limit: int, *, sessions: Sessions) -> Sequence[str]:
    """Return servers whose runs nobody works on, those waiting longest first."""
    query = (
        select(runs.c.server_id)
        .where(runs.c.stage.in_(UNSETTLED), unleased(runs.c.server_id))
        .order_by(runs.c.updated_at)
        .limit(limit)
    )
    async with sessions() as session:
        return list(await session.scalars(query))
