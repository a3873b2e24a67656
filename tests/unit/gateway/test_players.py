"""Who plays: shown while the game runs, and never a count of another time."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from common.contracts import events as evt
from gateway.api.views import ServerView
from gateway.domain.kind import Kind
from gateway.domain.server import Server
from gateway.handlers.acceptance import Asked
from gateway.handlers.events import on_event
from gateway.handlers.servers import request
from tests.fakes.gateway import BLOCKS, MOMENT, FakeWork
from tests.unit.gateway.facts import ABOUT, READY, VM_STOPPED
from tests.unit.gateway.test_changes import in_phase, tell

FEW: Final = evt.PlayersChanged(players=3, max_players=8, **ABOUT)


async def hear(work: FakeWork, server: Server, *, players: int, later: int = 0) -> None:
    """Have it told of the operation that brought the server up, so many seconds later."""
    fact = FEW.model_copy(
        update={
            "id": f"evt_{players}_{later}",
            "time": MOMENT + timedelta(seconds=later),
            "server_id": server.id,
            "operation_id": server.operation_id,
            "players": players,
        }
    )
    await on_event(fact, work=work, at=MOMENT)


def shown(work: FakeWork, server: Server) -> tuple[int | None, int | None]:
    view = ServerView.of(work.servers.rows[server.id], game=BLOCKS)
    return view.players, view.max_players


async def test_who_plays_is_shown_as_it_was_told_last() -> None:
    work = FakeWork()
    server = await in_phase(work)
    assert shown(work, server) == (None, None)

    await hear(work, server, players=3, later=15)
    await hear(work, server, players=5, later=30)
    await hear(work, server, players=4, later=20)  # comes late

    assert shown(work, server) == (5, 8)
    after = work.servers.rows[server.id]
    assert replace(after, players=None) == server
    assert not work.outbox.of(evt.PlayersChanged)


async def test_nobody_is_shown_to_play_on_a_server_that_is_off_or_comes_up_anew() -> None:
    work = FakeWork()
    server = await in_phase(work)
    await hear(work, server, players=3, later=1)
    asked = Asked(server_id=server.id, owner_id=server.owner_id)

    stop = await request(asked, Kind.STOP, work=work, at=MOMENT)
    assert shown(work, server) == (None, None)
    await hear(work, server, players=2, later=2)  # while it goes down
    await tell(work, stop, VM_STOPPED)
    assert shown(work, server) == (None, None)
    start = await request(asked, Kind.START, work=work, at=MOMENT)
    await tell(work, start, READY)
    assert shown(work, server) == (None, None)

    await hear(work, work.servers.rows[server.id], players=0, later=60)
    assert shown(work, server) == (0, 8)


async def test_a_count_that_overtakes_the_news_that_the_game_runs_is_kept() -> None:
    work = FakeWork()
    server = await in_phase(work)
    asked = Asked(server_id=server.id, owner_id=server.owner_id)
    restart = await request(asked, Kind.RESTART, work=work, at=MOMENT)

    await hear(work, work.servers.rows[server.id], players=1)
    await tell(work, restart, READY)

    assert shown(work, server) == (1, 8)
