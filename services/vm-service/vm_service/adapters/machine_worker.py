"""The loop that takes up machines with something left to do, each under a lease."""

from functools import partial
from typing import Final

from common import logging
from common.bell import Bell
from common.db.engine import Sessions
from common.db.leases import Lease
from common.db.work import UnitOfWork
from common.worker import Worker
from vm_service.adapters.sql import FencedWork, SqlWork, due_machines
from vm_service.handlers.tools import Tools
from vm_service.handlers.worker import work_on_machine

AT_ONCE: Final = 64  # machines worked on; most of the time they wait


def machine_worker(
    owner: str, sessions: Sessions, bell: Bell, work: UnitOfWork[SqlWork], tools: Tools
) -> Worker:
    """Return what does the long work, one lease a machine."""

    async def work_under(server_id: str, lease: Lease) -> None:
        with logging.bind(server_id=server_id):
            await work_on_machine(server_id, work=FencedWork(work, lease), tools=tools)

    return Worker(
        name="machines",
        owner=owner,
        sessions=sessions,
        bell=bell,
        find_due=partial(due_machines, sessions),
        work=work_under,
        concurrency=AT_ONCE,
    )
