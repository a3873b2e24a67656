"""The gateway, put together. Only this module knows every other.

requests ---------------> operations ---> deployment.requested, removal.requested
facts of the services --> folded in ----> operation.finished
both -------------------> public events -> streams, webhooks
"""

import asyncio
from functools import partial
from pathlib import Path
from typing import Final

from fastapi import FastAPI

from common.bell import Bell
from common.contracts import events, topology
from common.contracts.base import now
from common.db import engine
from common.db.engine import Sessions, database
from common.db.mailbox import keep_forgetting
from common.db.migrate import migrate
from common.db.work import UnitOfWork
from common.health import health_routes
from common.logging import configure
from common.messaging import connection
from common.messaging.connection import Bus, jetstream
from common.messaging.consumer import Consumer
from common.messaging.declare import keep_declared
from common.messaging.relay import Relay
from common.runtime import run
from common.security.keys import keys_of_jwks
from common.security.sealing import read_sealing
from common.security.tokens import TokenVerifier
from gateway.adapters.delivering import Delivering, keep_forgetting_events
from gateway.adapters.game_catalogue import FolderCatalogue
from gateway.adapters.numbering import Numbering
from gateway.adapters.outgoing import open_sender
from gateway.adapters.passwords import Argon2Passwords
from gateway.adapters.questions import BusQuestions
from gateway.adapters.sql.work import SqlWork
from gateway.adapters.tokens import SignedTokens, read_or_make_key
from gateway.api.app import create_app
from gateway.api.dependencies import Parts
from gateway.handlers.attempts import Attempting
from gateway.handlers.dispatch_state import DispatchState
from gateway.handlers.events import on_event
from gateway.handlers.public_events import News
from gateway.handlers.reconciler import keep_reconciling
from gateway.ports.sender import Sender
from gateway.settings import Settings

MIGRATIONS: Final = Path(__file__).parents[1] / "migrations"


async def main(settings: Settings) -> None:
    """Serve until SIGTERM."""
    configure(service="gateway", level=settings.log_level)
    url = settings.database_url.get_secret_value()
    await migrate(url, MIGRATIONS)
    async with (
        database(url) as sessions,
        jetstream(
            settings.nats_url,
            name="gateway",
            user=settings.nats_user,
            password=settings.nats_password,
        ) as bus,
        open_sender(settings.webhook_allowance()) as sender,
    ):
        bell, news = Bell(), News()
        work = UnitOfWork(sessions, bind=SqlWork, bell=bell)
        await run(
            _app(settings, work=work, sessions=sessions, bus=bus, news=news),
            keep_declared(bus),
            Relay(sessions, bus, bell).run(),
            keep_forgetting(sessions),
            Numbering(sessions=sessions, work=work, bell=bell, told=news.bell).run(),
            _delivering(settings, sessions=sessions, sender=sender, news=news).run(),
            keep_forgetting_events(work=work),
            Consumer(
                bus=bus,
                durable=topology.GATEWAY,
                decode=events.decode,
                handle=partial(_fold, work=work),
            ).run(),
            keep_reconciling(
                work=work, every=settings.reconcile_every, quiet_after=settings.quiet_after
            ),
            host=settings.host,
            port=settings.port,
            on_leaving=news.close,
        )


async def _fold(event: events.AnyEvent, *, work: UnitOfWork[SqlWork]) -> None:
    await on_event(event, work=work, at=now())


def _delivering(
    settings: Settings, *, sessions: Sessions, sender: Sender, news: News
) -> Delivering:
    seals = read_sealing(settings.sealing_key_file)
    attempting = Attempting(sender=sender, opener=seals, clock=now)
    state = DispatchState(attempting=attempting, clock=now, schedule=settings.webhook_schedule())
    return Delivering(owner=settings.instance_id, sessions=sessions, told=news.bell, state=state)


def _app(
    settings: Settings, *, work: UnitOfWork[SqlWork], sessions: Sessions, bus: Bus, news: News
) -> FastAPI:
    tokens = SignedTokens(read_or_make_key(settings.token_key_file), issuer=settings.issuer)
    jwks = tokens.issuer.jwks()
    key_file = settings.hypervisor_key_file
    parts = Parts(
        work=work,
        catalogue=FolderCatalogue(settings.games_dir),
        seals=read_sealing(settings.sealing_key_file),
        passwords=Argon2Passwords(),
        tokens=tokens,
        verifier=TokenVerifier(keys_of_jwks(jwks), issuer=settings.issuer),
        jwks=jwks,
        questions=BusQuestions(bus),
        news=news,
        hypervisor_seals=read_sealing(key_file) if key_file else None,
        allowance=settings.webhook_allowance(),
        public_log_url=settings.public_log_url,
        setup_token=settings.setup_token.get_secret_value() if settings.setup_token else None,
    )
    checks = {
        "database": partial(engine.ping, sessions),
        "messages": partial(connection.ping, bus),
    }
    return create_app(parts, health=health_routes(checks, service="gateway"))


if __name__ == "__main__":
    asyncio.run(main(Settings()))  # pyright: ignore[reportCallIssue]  the environment fills it
