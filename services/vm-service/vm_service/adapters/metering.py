"""The worker that reads figures: one copy of the service at a time, by the clock."""

import time
from functools import partial
from typing import Final

from common.bell import Bell
from common.db.engine import Sessions
from common.db.leases import Lease, found_unleased
from common.worker import Worker
from vm_service.adapters.sweep_sql import SqlLedger
from vm_service.handlers.figures import Meter
from vm_service.ports import Instruments

METER: Final = "figures"  # what the lease is on


def metering(owner: str, sessions: Sessions, instruments: Instruments) -> Worker:
    """Return what reads the figures of our servers."""

    async def work_under(_: str, _lease: Lease) -> None:
        ledger = SqlLedger(sessions)
        await Meter(instruments=instruments, ledger=ledger, clock=time.monotonic).keep_reading()

    return Worker(
        name="figures",
        owner=owner,
        sessions=sessions,
        bell=Bell(),  # of its own: it goes by the clock
        find_due=partial(found_unleased, subject_id=METER, sessions=sessions),
        work=work_under,
        concurrency=1,
    )
