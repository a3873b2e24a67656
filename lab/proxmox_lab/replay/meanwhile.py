"""What happens between two records of a session: deeds of others, and waits."""

import asyncio
from contextlib import suppress
from typing import Final

from proxmox_lab.call import Lab
from proxmox_lab.replay.interludes import INTERLUDES, PAUSES
from proxmox_lab.replay.records import Record

TASK_WAIT: Final = 10.0  # seconds


async def _rest(lab: Lab) -> None:
    """Wait for what is still being done: the recorder did."""
    going_on = [task.work for task in lab.tasks.newest_first() if task.is_running and task.work]
    if going_on:
        await asyncio.wait(going_on, timeout=TASK_WAIT)


async def let_happen(lab: Lab, record: Record) -> None:
    """Let happen what shows in this record first."""
    place = record.source, record.note
    for release, seconds in PAUSES.get(place, ()):
        if record.pve.startswith(release):
            await lab.clock.sleep(seconds)
    for release, interlude in INTERLUDES.get(place, ()):
        if record.pve.startswith(release):
            await _rest(lab)
            with suppress(KeyError):  # a file may hold only a part of the session
                interlude(lab.site.cluster)
