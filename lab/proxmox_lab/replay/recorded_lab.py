"""A lab as the recorded one was, listening for as long as a session is played."""

import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import web

from proxmox_lab.call import Lab
from proxmox_lab.faults import Faults
from proxmox_lab.house import Plan, application, build
from proxmox_lab.release import nearest
from proxmox_lab.replay.recorded_guests import RecordedGuests
from proxmox_lab.replay.recorded_site import recorded_site
from proxmox_lab.site.store import Store

SPEED: Final = 8.0


@asynccontextmanager
async def recorded_lab(release: str, source: str) -> AsyncGenerator[tuple[Lab, str]]:
    """Open a lab of its own for a session; gives it with the address it answers at."""
    with tempfile.TemporaryDirectory() as folder:
        played = nearest(release)
        guests = RecordedGuests(modern=played.is_modern)
        plan = Plan(data=Path(folder), guests=guests, release=played, speed=SPEED)
        store = Store(plan.data)
        store.save_all(recorded_site(major=plan.release.major, source=source))
        faults = Faults()
        lab = build(plan, faults)
        runner = web.AppRunner(application(lab, faults), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            listener = web.TCPSite(runner, "127.0.0.1", 0)
            await listener.start()
            port = runner.addresses[0][1]
            yield lab, f"http://127.0.0.1:{port}"
        finally:
            await runner.cleanup()
            await lab.tasks.close()
