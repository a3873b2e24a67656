"""The loops that take up machines with something left to do, each under a lease."""

from collections.abc import Collection, Mapping
from functools import partial
from typing import Final

from common import logging
from common.bell import Bell
from common.db.engine import Sessions
from common.db.leases import Lease
from common.db.work import UnitOfWork
from common.worker import Worker
from vm_service.adapters.sql import FencedWork, SqlWork, due_machines
from vm_service.domain.program import Kind
from vm_service.handlers.tools import Tools
from vm_service.handlers.worker import work_on_machine

AT_ONCE: Final = 64  # machines worked on by each; most of the time they wait

# Deployments wait in lines for minutes: nobody's kill shall wait until one of them is through.
HANDS: Final[Mapping[str, Collection[Kind]]] = {
    "deployments": {Kind.DEPLOY},
    "changes": set(Kind) - {Kind.DEPLOY},
}


def machine_workers(
    owner: str, sessions: Sessions, bell: Bell, work: UnitOfWork[SqlWork], tools: Tools
) -> list[Worker]:
    """Return what does the long work, one lease a machine."""

    async def work_under(server_id: str, lease: Lease) -> None:
        with logging.bind(server_id=server_id):
            await work_on_machine(server_id, work=FencedWork(work, lease), tools=tools)

    return [
        Worker(
            name=name,
            owner=owner,
            sessions=sessions,
            bell=bell,
            find_due=partial(due_machines, sessions, kinds=kinds),
            work=work_under,
            concurrency=AT_ONCE,
        )
        for name, kinds in HANDS.items()
    ]
