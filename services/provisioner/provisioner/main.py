"""The provisioner, put together. Only this module knows every other.

vm.ready ---> ssh, resolve, playbook, ready -> server.ready | server.failed
ask ssh_key --------> the server's own key --> its public half
removal.requested,
cancel.requested,
rollback.requested -> stop whatever goes on
the clock ----------> who plays where? -----> server.players_changed
"""

import asyncio
from functools import partial
from pathlib import Path
from typing import Final

from fastapi import FastAPI

from common.bell import Bell
from common.contracts import events, topology
from common.contracts.server_keys import QUESTION
from common.db import engine
from common.db.engine import Sessions, database
from common.db.leases import Lease
from common.db.mailbox import keep_forgetting
from common.db.migrate import migrate
from common.db.work import UnitOfWork
from common.health import health_routes
from common.logging import configure
from common.messaging import connection
from common.messaging.ask import answer_questions
from common.messaging.connection import Bus, jetstream
from common.messaging.consumer import Consumer
from common.messaging.log_writer import LogWriter, log_writer
from common.messaging.relay import Relay
from common.runtime import run
from common.security.sealing import read_sealing
from common.worker import Worker
from provisioner.adapters import sql
from provisioner.adapters.ansible.supervised import AnsiblePlaybooks
from provisioner.adapters.counting import players
from provisioner.adapters.games import GameFolders
from provisioner.adapters.key_maker import KeyMaker
from provisioner.adapters.query import GameQueries
from provisioner.adapters.resolvers.catalogue import Resolvers
from provisioner.adapters.resolvers.downloads import Downloads
from provisioner.adapters.seals import SealedSettings
from provisioner.adapters.ssh import SshGuests
from provisioner.domain.inventory import target
from provisioner.handlers import on_event
from provisioner.ports import Tools
from provisioner.questions import ssh_key
from provisioner.settings import Settings
from provisioner.work import work_on

NAME: Final = "provisioner"
MIGRATIONS: Final = Path(__file__).parents[1] / "migrations"


async def main(settings: Settings) -> None:
    """Run the service until it is told to stop."""
    configure(service=NAME, level=settings.log_level)
    url = settings.database_url.get_secret_value()
    await migrate(url, MIGRATIONS)
    async with (
        database(url) as sessions,
        jetstream(
            settings.nats_url,
            name=NAME,
            user=settings.nats_user,
            password=settings.nats_password,
        ) as bus,
        log_writer(bus) as log,
    ):
        bell = Bell()
        work = UnitOfWork(sessions, bind=sql.bind, bell=bell)
        handle = partial(on_event, work=work)
        consumer = Consumer(
            bus=bus, durable=topology.PROVISIONER, decode=events.decode, handle=handle
        )
        sealing = read_sealing(settings.sealing_key_file)
        make_key = KeyMaker(sealing)
        playbooks = _playbooks(settings)
        tools, owner = _tools(settings, log, playbooks), settings.instance_id
        worker = _worker(settings, sessions=sessions, bell=bell, work=work, tools=tools)
        await run(
            _app(settings, sessions=sessions, bus=bus),
            consumer.run(),
            worker.run(),
            playbooks.nursery.keep(),
            players(owner=owner, sessions=sessions, work=work, tools=tools).run(),
            Relay(sessions, bus, bell).run(),
            keep_forgetting(sessions),
            answer_questions(bus, NAME, {QUESTION: partial(ssh_key, work=work, make_key=make_key)}),
            host=settings.host,
            port=settings.port,
        )


def _app(settings: Settings, *, sessions: Sessions, bus: Bus) -> FastAPI:
    checks = {
        "database": partial(engine.ping, sessions),
        "messages": partial(connection.ping, bus),
        "playbooks": partial(_playbooks_there, settings.playbooks_dir),
    }
    app = FastAPI(title=NAME)
    app.include_router(health_routes(checks, service=NAME))
    return app


def _playbooks(settings: Settings) -> AnsiblePlaybooks:
    settings.runs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    playbooks = AnsiblePlaybooks(project=settings.playbooks_dir, runs=settings.runs_dir)
    playbooks.sweep()
    return playbooks


def _tools(settings: Settings, log: LogWriter, playbooks: AnsiblePlaybooks) -> Tools:
    return Tools(
        guests=SshGuests(folder=settings.runs_dir),
        playbooks=playbooks,
        games=GameFolders(settings.playbooks_dir),
        resolvers=Resolvers(
            playbooks=settings.playbooks_dir, downloads=Downloads(base=settings.download_base)
        ),
        queries=GameQueries(),
        seals=SealedSettings(read_sealing(settings.sealing_key_file)),
        log=log,
        target=partial(target, user=settings.guest_user, key_file=settings.ssh_private_key_file),
        download_base=settings.guest_download_base or settings.download_base,
    )


def _worker(
    settings: Settings,
    *,
    sessions: Sessions,
    bell: Bell,
    work: UnitOfWork[sql.SqlWork],
    tools: Tools,
) -> Worker:
    async def work_under(server_id: str, lease: Lease) -> None:
        await work_on(server_id, work=sql.fenced(work, lease), tools=tools)

    return Worker(
        name="runs",
        owner=settings.instance_id,
        sessions=sessions,
        bell=bell,
        find_due=partial(sql.find_due, sessions=sessions),
        work=work_under,
        concurrency=settings.concurrency,
    )


async def _playbooks_there(folder: Path) -> None:
    if not await asyncio.to_thread((folder / "site.yml").is_file):
        raise FileNotFoundError


if __name__ == "__main__":
    asyncio.run(main(Settings()))  # pyright: ignore[reportCallIssue]  the environment fills it
