"""A lab as the recorded one was, listening for as long as a session is played."""

import socket
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import web

from proxmox_lab.call import Lab
from proxmox_lab.certificate import Certificate
from proxmox_lab.faults import Faults
from proxmox_lab.house import Plan, application, build
from proxmox_lab.http.door import opened
from proxmox_lab.release import nearest
from proxmox_lab.replay.line import Place
from proxmox_lab.replay.recorded_guests import RecordedGuests
from proxmox_lab.replay.recorded_site import recorded_site
from proxmox_lab.site.store import Store

SPEED: Final = 8.0
HOST: Final = "127.0.0.1"


@asynccontextmanager
async def recorded_lab(
    release: str, source: str
) -> AsyncGenerator[tuple[Lab, Place, RecordedGuests]]:
    """Open a lab of its own for a session; gives it, where it answers, and its guests."""
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
            await web.TCPSite(runner, HOST, 0).start()
            port = runner.addresses[0][1]
            async with _door(runner, plan.data / "tls") as entrance:
                yield lab, Place(plain=f"http://{HOST}:{port}", door=entrance), guests
        finally:
            await runner.cleanup()
            await lab.tasks.close()


@asynccontextmanager
async def _door(runner: web.AppRunner, certificates: Path) -> AsyncGenerator[str]:
    """Open the door that an ordinary lab has, at a free port."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        certificate = Certificate(certificates, host=HOST)
        async with opened(listener, runner, certificate.context):
            yield f"http://{HOST}:{listener.getsockname()[1]}"
