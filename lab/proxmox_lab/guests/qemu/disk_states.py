"""States of a guest's disk, noted inside its image: by QEMU itself while the guest runs.

Whatever was cut off is done again: a state noted half is noted afresh, one that is gone is gone.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from proxmox_lab.guests.port import GuestFailure
from proxmox_lab.guests.qemu import image
from proxmox_lab.guests.qemu.agent import GuestAgent
from proxmox_lab.guests.qemu.power import Powered


async def note(disk: Path, name: str, powered: Powered | None) -> None:
    """Note the disk's state under a name; a running guest's files are whole in it."""
    await forget(disk, name, powered)
    if powered is None:
        await image.snapshot(disk, "-c", name)
        return
    async with _quiet(powered.agent):
        await powered.monitor.execute("blockdev-snapshot-internal-sync", device="d0", name=name)


async def forget(disk: Path, name: str, powered: Powered | None) -> None:
    """Remove a noted state, if there is one of that name."""
    if name not in await image.snapshots(disk):
        return
    if powered is None:
        await image.snapshot(disk, "-d", name)
    else:
        verb = "blockdev-snapshot-delete-internal-sync"
        await powered.monitor.execute(verb, device="d0", name=name)


@asynccontextmanager
async def _quiet(agent: GuestAgent) -> AsyncGenerator[None]:
    """Have the guest write down what it holds in memory, and nothing more meanwhile.

    As with Proxmox, a guest whose agent is silent is noted as it is.
    """
    if not await agent.ping():
        yield
        return
    try:
        with suppress(GuestFailure):
            await agent.ask("guest-fsfreeze-freeze", {})
        yield
    finally:
        # Also when freezing failed: nobody knows how far it came.
        with suppress(GuestFailure):
            await agent.ask("guest-fsfreeze-thaw", {})
