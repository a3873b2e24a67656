"""The gateway's delivering, all of it and nothing else, in a process of its own and on one core.

    python -m tests.bench.engine

reads a ``Scenario`` and tells a ``Run``, each as one line of JSON. Events are committed in the same
process that delivers them, as the gateway's are.
"""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

from sqlalchemy import exists, or_, select

from common.bell import Bell
from common.contracts import public_data as public
from common.contracts.base import now
from common.db.engine import Sessions, database
from common.db.migrate import migrate
from common.db.work import UnitOfWork
from common.security.addresses import Allowance
from common.security.sealing import read_sealing
from gateway.adapters.delivering import Delivering
from gateway.adapters.numbering import Numbering
from gateway.adapters.outgoing import open_sender
from gateway.adapters.sql.due import is_pending
from gateway.adapters.sql.event_tables import events
from gateway.adapters.sql.webhook_tables import deliveries
from gateway.adapters.sql.work import SqlWork
from gateway.domain.endpoint import Endpoint
from gateway.domain.publicity import Notice
from gateway.domain.signing import Scheme, SigningKey
from gateway.handlers.attempts import Attempting
from gateway.handlers.dispatch_state import DispatchState
from gateway.handlers.fan_out import fan_out
from gateway.handlers.webhook_seals import kept
from gateway.main import MIGRATIONS
from tests.bench.scenario import LIVE, OLD, Run, Scenario, Wanting

SERVERS: Final = 20
OWNER: Final = "usr_1"
BATCH: Final = 200
LOOK: Final = 0.05  # seconds


async def _measured(scenario: Scenario) -> Run:
    await migrate(scenario.url, MIGRATIONS)
    bell = Bell()
    async with database(scenario.url) as sessions:
        work = UnitOfWork(sessions, bind=SqlWork, bell=bell)
        await _set_up(scenario, work)
        early = await _tell(scenario, work) if scenario.at_once else {}
        began, processor = time.monotonic(), time.process_time()
        async with _delivering(scenario, sessions, work, bell):
            committed = early or await _tell(scenario, work)
            told = time.monotonic() - began
            while scenario.events and await _is_left(scenario, sessions):
                await asyncio.sleep(LOOK)
            took = time.monotonic() - began
            spent = time.process_time() - processor
    return Run(committed=committed, told=told, took=took, processor=spent)


@asynccontextmanager
async def _delivering(
    scenario: Scenario, sessions: Sessions, work: UnitOfWork[SqlWork], bell: Bell
) -> AsyncGenerator[None]:
    """Do what ``gateway.main`` does for events and webhooks."""
    told = Bell()
    async with open_sender(Allowance(cidrs=(IPv4Network("127.0.0.0/8"),))) as sender:
        opener = read_sealing(scenario.sealing_key)
        state = DispatchState(
            attempting=Attempting(sender=sender, opener=opener, clock=now), clock=now
        )
        loops = [
            asyncio.create_task(one, name="loop")
            for one in (
                Numbering(sessions=sessions, work=work, bell=bell, told=told).run(),
                Delivering(owner="bench", sessions=sessions, told=told, state=state).run(),
            )
        ]
        try:
            yield
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)


async def _set_up(scenario: Scenario, work: UnitOfWork[SqlWork]) -> None:
    async with work() as tx:
        for number, wanting in enumerate(scenario.endpoints):
            await tx.endpoints.add(_endpoint(number, wanting, scenario.sealing_key))
    for start in range(0, scenario.old, BATCH):
        async with work() as tx:
            numbers = range(start, min(start + BATCH, scenario.old))
            await tx.public_events.add(*(replace(_notice(n), type=OLD) for n in numbers))
            await fan_out(tx, await tx.public_events.number(limit=BATCH), at=now())


async def _tell(scenario: Scenario, work: UnitOfWork[SqlWork]) -> Mapping[str, float]:
    """Commit the events, one a transaction; return when each was."""
    committed: dict[str, float] = {}
    began = time.monotonic()
    for number in range(scenario.events):
        await asyncio.sleep(began + number * scenario.gap - time.monotonic())
        async with work() as tx:
            [event_id] = await tx.public_events.add(_notice(number))
        committed[event_id] = time.monotonic()
    return committed


async def _is_left(scenario: Scenario, sessions: Sessions) -> bool:
    """Tell whether an event waits for its number, or for somebody who is waited for."""
    waited = [_id(n) for n, one in enumerate(scenario.endpoints) if not one.patient]
    unnumbered = exists().where(events.c.position.is_(None))
    pending = exists().where(deliveries.c.endpoint_id.in_(waited), is_pending(deliveries))
    async with sessions() as session:
        return bool(await session.scalar(select(or_(unnumbered, pending))))


def _id(number: int) -> str:
    return f"whk_{number:04}"


def _endpoint(number: int, wanting: Wanting, sealing_key: Path) -> Endpoint:
    key = SigningKey.fresh(Scheme.HMAC)
    return Endpoint(
        id=_id(number),
        owner_id=OWNER,
        name=f"endpoint {number}",
        url=f"http://127.0.0.1:{wanting.port}/hook",
        created_at=now(),
        updated_at=now(),
        types=wanting.types,
        filter=wanting.filter,
        max_in_flight=wanting.in_flight,
        keys=(kept(key, _id(number), seals=read_sealing(sealing_key), at=now()),),
    )


def _notice(number: int) -> Notice:
    server = f"srv_{number % SERVERS}"
    data = public.PlayersData(
        server=public.Reference(id=server, name="mine", game="blocks", labels={"env": "prod"}),
        links=public.Links(server=f"/v1/servers/{server}"),
        players=number,
        max_players=64,
    )
    return Notice(type=LIVE, subject_id=server, owner_id=OWNER, time=now(), data=data)


async def _main() -> None:
    told = await _measured(Scenario.model_validate_json(sys.stdin.readline()))
    sys.stdout.write(f"{told.model_dump_json()}\n")


if __name__ == "__main__":
    asyncio.run(_main())
