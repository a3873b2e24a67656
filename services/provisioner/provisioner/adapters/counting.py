"""The worker that counts players: one copy of the service at a time, by the clock."""

import json
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from sqlalchemy import select

from common.bell import Bell
from common.contracts import events as evt
from common.db.engine import Sessions
from common.db.leases import Lease, found_unleased
from common.db.outage import outages_named
from common.db.work import UnitOfWork
from common.worker import Worker
from provisioner.adapters import sql
from provisioner.domain.run import Run, Stage
from provisioner.players import Counter, Counting
from provisioner.ports import Tools

COUNTER: Final = "players"  # what the lease is on


def players(
    *, owner: str, sessions: Sessions, work: UnitOfWork[sql.SqlWork], tools: Tools
) -> Worker:
    """Return what goes round among the running servers."""
    counting = Counting(
        running=partial(find_running, sessions=sessions), tools=tools, clock=time.monotonic
    )

    async def work_under(_: str, lease: Lease) -> None:
        await Counter(work=sql.fenced(work, lease), counting=counting).keep_counting()

    return Worker(
        name="players",
        owner=owner,
        sessions=sessions,
        bell=Bell(),  # of its own: it goes by the clock
        find_due=partial(found_unleased, subject_id=COUNTER, sessions=sessions),
        work=work_under,
        concurrency=1,
    )


async def find_running(*, sessions: Sessions) -> Sequence[Run]:
    """Return the runs that brought their server up, with how the guest is reached and no more.

    Asked every few seconds for all servers at once, it reads nothing that it need not.
    """
    runs = sql.runs.c
    query = select(runs.server_id, runs.operation_id, runs.vm, runs.host_keys).where(
        runs.stage == Stage.DONE.value
    )
    with outages_named():
        async with sessions() as session:
            found = [
                Run(
                    server_id=row.server_id,
                    operation_id=row.operation_id,
                    vm=evt.VMReady.model_validate_json(row.vm) if row.vm else None,
                    stage=Stage.DONE,
                    host_keys=tuple(json.loads(row.host_keys)),
                )
                for row in await session.execute(query)
            ]
    return [run for run in found if not run.is_bake]
