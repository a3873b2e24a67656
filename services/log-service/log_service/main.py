"""The log-service, put together. Only this module knows every other.

LOGS (batches of lines) --> the record --> live.logged.<stream> --> viewers' WebSockets
"""

import asyncio
from functools import partial
from pathlib import Path
from typing import Final

import httpx
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from common import logging
from common.bell import Bell
from common.contracts import logs
from common.contracts.logs import LogBatch
from common.contracts.topology import LOG_SERVICE, logged_subject
from common.db import engine
from common.db.engine import database
from common.db.migrate import migrate
from common.db.work import UnitOfWork
from common.health import health_routes
from common.messaging import connection
from common.messaging.connection import Bus, jetstream
from common.messaging.consumer import Consumer
from common.messaging.live import listening, remark
from common.runtime import run
from log_service.adapters.hub import Hub
from log_service.adapters.sql import SqlWork
from log_service.adapters.tickets import GatewayTickets
from log_service.api import problems
from log_service.api.history import history_routes
from log_service.api.stream import stream_routes
from log_service.handlers import on_log_batch, read_page
from log_service.settings import Settings

MIGRATIONS: Final = Path(__file__).parents[1] / "migrations"
FEED_PAGE: Final = 200  # lines read at a time for live viewers

# Lines must not overtake each other: one batch at a time (the durable allows one in flight),
# and a database that is away for two minutes is waited for rather than given up.
PAUSES: Final = (0.5, 1, 2, 5, *(10,) * 12)


async def main(settings: Settings) -> None:
    """Run the service until it is told to stop."""
    logging.configure(service="log-service", level=settings.log_level)
    url = settings.database_url.get_secret_value()
    await migrate(url, MIGRATIONS)
    async with (
        database(url) as sessions,
        jetstream(
            settings.nats_url,
            name="log-service",
            user=settings.nats_user,
            password=settings.nats_password,
        ) as bus,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        work = UnitOfWork(sessions, bind=SqlWork.bind, bell=Bell())
        hub = Hub(partial(read_page, limit=FEED_PAGE, work=work))
        tickets = GatewayTickets(settings.jwks_url, issuer=settings.issuer, http=http)
        app = application(settings, work=work, hub=hub, tickets=tickets)
        checks = {
            "database": partial(engine.ping, sessions),
            "messages": partial(connection.ping, bus),
        }
        app.include_router(health_routes(checks, service="log-service"))
        async with listening(bus, logged_subject("*"), partial(_wake, hub)):
            consumer = log_consumer(bus, work)
            await run(app, consumer.run(), host=settings.host, port=settings.port)


def application(
    settings: Settings, *, work: UnitOfWork[SqlWork], hub: Hub, tickets: GatewayTickets
) -> FastAPI:
    """Return the doors: history and live stream."""
    app = FastAPI(title="Spawnyard log-service", docs_url=None, redoc_url=None)
    problems.install(app)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.origins,
        allow_methods=["GET"],
        allow_headers=["Authorization"],
        max_age=600,
    )
    app.include_router(history_routes(work=work, tickets=tickets))
    app.include_router(stream_routes(hub=hub, tickets=tickets, origins=settings.origins))
    return app


def log_consumer(bus: Bus, work: UnitOfWork[SqlWork]) -> Consumer[LogBatch]:
    """Return what turns batches on the bus into the record."""

    async def announce(stream_id: str, sequence: int) -> None:
        await remark(bus, logged_subject(stream_id), str(sequence))

    return Consumer(
        bus=bus,
        durable=LOG_SERVICE,
        decode=logs.decode,
        handle=partial(on_log_batch, work=work, announce=announce, mask=logging.masked),
        concurrency=1,
        pauses=PAUSES,
    )


def _wake(hub: Hub, subject: str) -> None:
    hub.wake(subject.rsplit(".", 1)[1])


if __name__ == "__main__":
    asyncio.run(main(Settings()))  # pyright: ignore[reportCallIssue]  the environment fills it
