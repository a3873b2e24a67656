"""What happens between two records of a session: deeds of others, and waits."""

from contextlib import suppress

from proxmox_lab.call import Lab
from proxmox_lab.replay.interludes import INTERLUDES, PAUSES
from proxmox_lab.replay.records import Record


async def let_happen(lab: Lab, record: Record) -> None:
    """Let happen what shows in this record first."""
    place = record.source, record.note
    for release, seconds in PAUSES.get(place, ()):
        if record.pve.startswith(release):
            await lab.clock.sleep(seconds)
    for release, interlude in INTERLUDES.get(place, ()):
        if record.pve.startswith(release):
            with suppress(KeyError):  # a file may hold only a part of the session
                interlude(lab.site.cluster)
