"""The lab put together: site, tasks, guests and HTTP over one data directory."""

import fcntl
import json
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from aiohttp import web

from proxmox_lab.access.identity import Doorkeeper
from proxmox_lab.api.routes import ROUTES
from proxmox_lab.call import Lab
from proxmox_lab.certificate import Certificate
from proxmox_lab.clock import Clock
from proxmox_lab.command import ADDRESS_FILE
from proxmox_lab.faults import Faults
from proxmox_lab.faults.ambush import Ambush
from proxmox_lab.faults.fate import trouble
from proxmox_lab.faults.guests import VexedGuests, address_of
from proxmox_lab.guests.port import Guests
from proxmox_lab.history.history import History
from proxmox_lab.http.door import opened
from proxmox_lab.http.exchange import Exchange
from proxmox_lab.http.incoming import BODY_LIMIT
from proxmox_lab.http.lines import Lines
from proxmox_lab.machines.executions import Executions
from proxmox_lab.machines.guesthouse import Guesthouse
from proxmox_lab.panel.faults import FaultPanel
from proxmox_lab.panel.history import HistoryPanel
from proxmox_lab.panel.routes import Panel, loopback_only
from proxmox_lab.release import Release
from proxmox_lab.schema.table import table_of
from proxmox_lab.site.broadcast import Broadcast
from proxmox_lab.site.journal import write_whole
from proxmox_lab.site.opening import drop_half_made, ensure_site
from proxmox_lab.site.rights import Rights
from proxmox_lab.site.store import Store
from proxmox_lab.tasks.locks import Locks
from proxmox_lab.tasks.tasks import Tasks

GUESTS: Final = "guests"


class DataInUse(Exception):
    """Another lab holds the data folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a lab is to be run."""

    data: Path
    guests: Guests
    release: Release
    host: str = "127.0.0.1"
    port: int = 8006
    speed: float = 1.0
    nodes: int = 1  # at least so many; an older site may have more


def build(plan: Plan, faults: Faults) -> Lab:
    """Put a lab together without starting anything."""
    clock = Clock(plan.speed)
    faults.keep_time(clock.lived)
    history = History(plan.data / "history.jsonl")
    store = Store(plan.data, watch=history.watch)
    site = ensure_site(store, clock, major=plan.release.major, nodes=plan.nodes)
    history.begin(site)
    drop_half_made(site, store, plan.data / GUESTS)
    return Lab(
        release=plan.release,
        table=table_of(plan.release.major),
        site=site,
        store=store,
        clock=clock,
        tasks=Tasks(
            file=plan.data / "tasks.jsonl",
            clock=clock,
            trouble=partial(trouble, faults, site, store),
            watch=history.watch_task,
        ),
        locks=Locks(clock),
        broadcast=Broadcast(clock),
        rights=Rights(site, major=plan.release.major),
        doorkeeper=Doorkeeper(site, clock),
        guests=plan.guests,
        guesthouse=Guesthouse(
            VexedGuests(plan.guests, faults=faults, resolve=partial(address_of, site)),
            plan.data / GUESTS,
        ),
        executions=Executions(),
        history=history,
    )


def application(
    lab: Lab, faults: Faults, certificate: Certificate | None = None
) -> web.Application:
    """Return the HTTP application of a lab; without a certificate, none can change."""
    lines = Lines()
    if certificate is not None:
        certificate.changed = lines.renew
    ambush = Ambush(lab, faults, certificate)
    app = web.Application(
        client_max_size=BODY_LIMIT * 2, middlewares=[lines.middleware(), loopback_only]
    )
    app.add_routes(
        [
            *Panel(lab).routes(),
            *FaultPanel(lab, faults, ambush).routes(),
            *HistoryPanel(lab.history).routes(),
        ]
    )
    exchange = Exchange(lab, ROUTES, ambush.through)
    app.router.add_route("*", "/api2/{tail:.*}", exchange.handle)
    return app


@asynccontextmanager
async def running(plan: Plan) -> AsyncGenerator[Lab]:
    """Run a lab: guests that ran run again, then it answers; everything ends with the block."""
    plan.data.mkdir(parents=True, exist_ok=True)
    with _sole_use(plan.data), _bound(plan.host, plan.port) as listener:
        faults = Faults()
        lab = build(plan, faults)
        certificate = Certificate(plan.data / "tls", host=plan.host)
        app = application(lab, faults, certificate)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await lab.guesthouse.wake(lab.site)
            _tell_address(plan)
            async with opened(listener, runner, certificate.context):
                yield lab
        finally:
            await runner.cleanup()
            await lab.tasks.close()
            await lab.executions.close()
            await lab.guesthouse.close(lab.site, lab.store)
            lab.store.close()
            lab.history.close()
            (plan.data / ADDRESS_FILE).unlink(missing_ok=True)


def _tell_address(plan: Plan) -> None:
    """Leave word in the folder of where the lab answers."""
    host = f"[{plan.host}]" if ":" in plan.host else plan.host
    told = {"url": f"https://{host}:{plan.port}"}
    write_whole(plan.data / ADDRESS_FILE, json.dumps(told) + "\n")


@contextmanager
def _sole_use(data: Path) -> Generator[None]:
    """Keep a second lab off the same folder."""
    with (data / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataInUse(f"another lab runs on {data}") from None
        yield


@contextmanager
def _bound(host: str, port: int) -> Generator[socket.socket]:
    """Take the port before anything else happens; nobody is answered yet."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((host, port))
        yield door
