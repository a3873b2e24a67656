"""The worker that counts players: one copy of the service at a time, by the clock."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from sqlalchemy import literal, select

from common.bell import Bell
from common.db.engine import Sessions
from common.db.leases import Lease, unleased
from common.db.work import UnitOfWork
from common.worker import Worker
from provisioner.adapters import sql
from provisioner.players import Counter, Counting
from provisioner.ports import Tools

COUNTER: Final = "players"  # what the lease is on


def players(
    *, owner: str, sessions: Sessions, work: UnitOfWork[sql.SqlWork], tools: Tools
) -> Worker:
    """Return what goes round among the running servers."""
    counting = Counting(
        running=partial(sql.find_running, sessions=sessions), tools=tools, clock=time.monotonic
    )

    async def work_under(_: str, lease: Lease) -> None:
        await Counter(work=sql.fenced(work, lease), counting=counting).keep_counting()

    return Worker(
        name="players",
        owner=owner,
        sessions=sessions,
        bell=Bell(),  # of its own: it goes by the clock
        find_due=partial(_due, sessions),
        work=work_under,
        concurrency=1,
    )


async def _due(sessions: Sessions, limit: int) -> Sequence[str]:
    counter = literal(COUNTER)
    async with sessions() as session:
        return list(await session.scalars(select(counter).where(unleased(counter)).limit(limit)))
