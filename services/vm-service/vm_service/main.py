"""The vm-service, put together. Only this module knows every other.

deployment.requested --> a row --> the worker brings a VM up --> vm.ready | vm.failed
removal.requested -----> a row --> the worker removes it ------> vm.deleted | vm.removal_blocked
the clock -------------> the sweeper looks for VMs that nobody explains, and removes what is ours
the clock -------------> what VMs use is shown to Prometheus
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Final

from fastapi import FastAPI

from common import logging
from common.bell import Bell
from common.contracts import events
from common.contracts.hypervisor import HypervisorSettings
from common.contracts.topology import VM_SERVICE
from common.db import engine
from common.db.engine import Sessions, database
from common.db.mailbox import keep_forgetting
from common.db.migrate import migrate
from common.db.work import UnitOfWork
from common.health import health_routes
from common.messaging import connection
from common.messaging.ask import answer_questions
from common.messaging.connection import Bus, jetstream
from common.messaging.consumer import Consumer
from common.messaging.relay import Relay
from common.runtime import run
from common.security.sealing import read_sealing
from vm_service.adapters.lending import Connection
from vm_service.adapters.live import LiveHypervisor
from vm_service.adapters.machine_worker import machine_workers
from vm_service.adapters.metering import metering
from vm_service.adapters.probe import TcpProbe
from vm_service.adapters.proxmox.client import Client
from vm_service.adapters.proxmox.doctor import examine
from vm_service.adapters.proxmox.hypervisor import Proxmox
from vm_service.adapters.proxmox.site import Site, access_to
from vm_service.adapters.reach import open_reach
from vm_service.adapters.server_keys import AskedKeys
from vm_service.adapters.sql import SqlWork, binding
from vm_service.adapters.stored_settings import SqlStore
from vm_service.adapters.sweep_sql import SqlLedger
from vm_service.adapters.sweeping import Sweeping
from vm_service.api.questions import hypervisor_answers
from vm_service.api.templates import template_answers
from vm_service.desk import Desk
from vm_service.domain.settings_in_force import InForce
from vm_service.handlers import hypervisor_settings
from vm_service.handlers.orphans import SweepTools
from vm_service.handlers.requests import on_event
from vm_service.handlers.tools import Tools
from vm_service.handlers.turns import Turns
from vm_service.ports import Reach, ServerKeys
from vm_service.settings import Settings

NAME: Final = "vm-service"
MIGRATIONS: Final = Path(__file__).parents[1] / "migrations"


async def main(settings: Settings) -> None:
    """Run the service until it is told to stop."""
    logging.configure(service=NAME, level=settings.log_level)
    url = settings.database_url.get_secret_value()
    await migrate(url, MIGRATIONS)
    reach_url = None if settings.reach == "direct" else settings.reach_url
    async with (
        database(url) as sessions,
        jetstream(
            settings.nats_url,
            name=NAME,
            user=settings.nats_user,
            password=settings.nats_password,
        ) as bus,
        open_reach(reach_url, ca_file=settings.proxmox_ca_file) as reach,
        live_hypervisor(settings) as hypervisor,
    ):
        bell = Bell()
        work = unit_of_work(hypervisor, sessions, bell)
        desk = settings_desk(settings, sessions, hypervisor)
        await hypervisor_settings.refresh(desk)
        tools = _tools(settings, hypervisor, reach, keys=AskedKeys(bus))
        workers = machine_workers(settings.instance_id, sessions, bell, work, tools)
        sweeping = sweeper(settings, sessions, work, hypervisor)
        answers = {**hypervisor_answers(desk), **template_answers(work)}
        await run(
            _app(sessions, bus, hypervisor),
            consumer(bus, work, tofu=tools.tofu).run(),
            Relay(sessions, bus, bell).run(),
            keep_forgetting(sessions),
            hypervisor_settings.keep_following(desk),
            *(worker.run() for worker in workers),
            sweeping.worker().run(),
            metering(settings.instance_id, sessions, hypervisor).run(),
            answer_questions(bus, NAME, {**answers, **sweeping.answers()}),
            host=settings.host,
            port=settings.port,
        )


def _app(sessions: Sessions, bus: Bus, hypervisor: LiveHypervisor) -> FastAPI:
    checks = {
        "database": partial(engine.ping, sessions),
        "messages": partial(connection.ping, bus),
        "hypervisor": hypervisor.ping,
    }
    app = FastAPI(title="Spawnyard vm-service", docs_url=None, redoc_url=None)
    app.include_router(health_routes(checks, service=NAME))
    return app


def unit_of_work(live: LiveHypervisor, sessions: Sessions, bell: Bell) -> UnitOfWork[SqlWork]:
    """Return the transactions of this service; what they reserve follows the settings."""
    bind = binding(lambda: live.in_force.vmids, lambda: live.in_force.addresses)
    return UnitOfWork(sessions, bind=bind, bell=bell)


def settings_desk(settings: Settings, sessions: Sessions, live: LiveHypervisor) -> Desk:
    """Return what the questions about the hypervisor are answered with."""
    key_file = settings.hypervisor_key_file
    return Desk(
        store=SqlStore(sessions),
        seals=read_sealing(key_file) if key_file else None,
        live=live,
        environment=_environment(settings),
        examine=examine,
    )


def consumer(bus: Bus, work: UnitOfWork[SqlWork], *, tofu: bool) -> Consumer[events.AnyEvent]:
    """Return what hears the gateway's requests."""
    handle = partial(on_event, work=work, tofu=tofu)
    return Consumer(bus=bus, durable=VM_SERVICE, decode=events.decode, handle=handle)


def sweeper(
    settings: Settings, sessions: Sessions, work: UnitOfWork[SqlWork], live: LiveHypervisor
) -> Sweeping:
    """Return what removes VMs that nobody explains."""
    tools = SweepTools(
        hypervisor=live,
        ledger=SqlLedger(sessions),
        install=settings.install_id,
        vmids=lambda: live.in_force.ids,
        rules=settings.sweep_rules(),
    )
    owner = settings.instance_id
    return Sweeping(sessions=sessions, work=work, tools=tools, owner=owner, hold=live.held)


def _tools(
    settings: Settings, hypervisor: LiveHypervisor, reach: Reach, *, keys: ServerKeys
) -> Tools:
    return Tools(
        hypervisor=hypervisor,
        reach=reach,
        install=settings.install_id,
        clones=Turns(settings.clone_limit),
        keys=keys,
        probe=TcpProbe() if settings.reach == "direct" and settings.address_probe else None,
        tofu=settings.host_key_policy == "tofu",
        grace=settings.shutdown_seconds,
    )


@asynccontextmanager
async def live_hypervisor(settings: Settings) -> AsyncGenerator[LiveHypervisor]:
    """Open the hypervisor, as the environment speaks of it for now."""
    files = (settings.ssh_public_key_file, settings.operator_keys_file)
    ssh_keys, own = (file.read_text().strip() if file else "" for file in files)

    def connect(told: HypervisorSettings) -> Connection:
        client = Client(access_to(told, secret=told.token_secret))
        site = Site(
            settings=told, guest_user=settings.guest_user, ssh_keys=ssh_keys, operator_keys=own
        )
        return Connection(hypervisor=Proxmox(client, site), close=client.close)

    with closing(LiveHypervisor(connect)) as live:
        told = _environment(settings)
        live.use(InForce(source="environment" if told else "none", settings=told))
        yield live


def _environment(settings: Settings) -> HypervisorSettings | None:
    told, ca_file = settings.hypervisor(), settings.proxmox_ca_file
    if told is None or ca_file is None:
        return told
    fields = told.model_dump() | {"ca_pem": ca_file.read_text()}
    return HypervisorSettings.model_validate(fields)  # a copy would take anything for a CA


if __name__ == "__main__":
    asyncio.run(main(Settings()))  # pyright: ignore[reportCallIssue]  the environment fills it
