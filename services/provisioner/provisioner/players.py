"""Counts who plays: asks each running game now and then, and tells when the count has changed.

One copy of the service does it at a time, under a lease; ``work`` is fenced by it. What was told
last is kept in the database, so that another copy goes on from there and no change is told twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from common.contracts import events as evt
from common.contracts.servers import Endpoint
from common.metrics import MAX_PLAYERS, PLAYERS
from provisioner.domain.errors import NotYet, StepFailed
from provisioner.domain.game import Game, published
from provisioner.domain.inventory import Target
from provisioner.domain.players import CONSOLES_EVERY, EVERY, Count, Watch, count_of
from provisioner.domain.roster import Roster
from provisioner.domain.run import Run, Stage
from provisioner.ports import Tools, UnitOfWork
from provisioner.task import target_by

ROUND: Final = 5.0  # seconds between two looks at who is due
AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """What counting needs. ``running`` returns the runs of servers that have come up."""

    running: Callable[[], Awaitable[Sequence[Run]]]
    tools: Tools
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep


@dataclass(frozen=True, slots=True, kw_only=True)
class _Door:
    """How a game is asked."""

    ask: Callable[[], Awaitable[Count | None]]
    every: float


@dataclass(slots=True, kw_only=True)
class Counter:
    """Goes round among the servers, for as long as its copy holds the lease."""

    work: UnitOfWork
    counting: Counting
    _watches: dict[str, Watch] = field(default_factory=dict[str, Watch])
    _doors: dict[str, _Door] = field(default_factory=dict[str, _Door])  # by operation
    _hands: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def keep_counting(self) -> None:
        """Count for ever; whoever takes over shows the figures from then on."""
        try:
            while True:
                await self.go_round()
                await self.counting.sleep(ROUND)
        finally:
            PLAYERS.clear()
            MAX_PLAYERS.clear()

    async def go_round(self) -> None:
        """Ask every game that is due."""
        running = {run.server_id: run for run in await self.counting.running()}
        for gone in self._watches.keys() - running.keys():
            self._doors.pop(self._watches.pop(gone).operation_id, None)
            _forget(gone)
        due = [run for run in running.values() if self._watch(run).due <= self.counting.clock()]
        asking = [asyncio.ensure_future(self._ask(run)) for run in due]
        try:
            await asyncio.gather(*asking)
        finally:  # who has lost the lease, say, shows nothing any more that comes later
            for one in asking:
                one.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    def _watch(self, run: Run) -> Watch:
        known = self._watches.get(run.server_id)
        if known is None or known.operation_id != run.operation_id:
            self._doors.pop(known.operation_id if known else "", None)
            known = Watch(operation_id=run.operation_id)
        self._watches[run.server_id] = known
        return known

    async def _ask(self, run: Run) -> None:
        every = EVERY
        try:
            async with self._hands:
                door = self._doors.get(run.operation_id) or await self._find_door(run)
                every, count = door.every, await door.ask()
        except (NotYet, StepFailed, OSError):
            count = None  # it is stopped, its game has left the catalogue, or we are out of files
        watch, at = self._watches[run.server_id], self.counting.clock()
        if count is None:
            watch = watch.missed(at=at)
            if watch.is_lost:
                _forget(run.server_id)
        else:
            _show(run.server_id, count)
            if count != watch.told:
                await self._tell(run, count)
            watch = replace(watch.answered(at=at, every=every), told=count)
        self._watches[run.server_id] = watch

    async def _find_door(self, run: Run) -> _Door:
        """Read the game's folder, once for each operation: that takes a while."""
        if run.vm is None:
            raise NotYet("it never had a VM")
        vm, tools = run.vm, self.counting.tools
        game = await asyncio.to_thread(tools.games.find, vm.spec.game, vm.spec.settings)
        if game.roster is None:
            door = _Door(ask=partial(_by_query, tools, game, vm.endpoint), every=EVERY)
        else:
            async with self.work() as tx:
                key = await tx.keys.find(run.server_id)
            target = target_by(key, endpoint=vm.endpoint, tools=tools)
            ask = partial(_by_console, tools, game.roster, target, run.host_keys, unit=game.unit)
            door = _Door(ask=ask, every=CONSOLES_EVERY)
        self._doors[run.operation_id] = door
        return door

    async def _tell(self, run: Run, count: Count) -> None:
        """Announce a count, unless it was announced, or the server has turned to something else."""
        async with self.work() as tx:
            current = await tx.runs.find(run.server_id)
            is_up = current is not None and current.stage is Stage.DONE
            if not is_up or await tx.counts.find(run.server_id) == count:
                return
            await tx.counts.save(run.server_id, count)
            await tx.outbox.add(
                evt.PlayersChanged(
                    server_id=run.server_id,
                    operation_id=run.operation_id,
                    players=count.players,
                    max_players=count.max_players,
                )
            )


async def _by_query(tools: Tools, game: Game, endpoint: Endpoint) -> Count | None:
    if game.query is None:
        return None  # nobody can tell
    port = published(endpoint, game.query.port).public_port
    return count_of(await tools.queries.ask(game.query.protocol, endpoint.public_host, port))


async def _by_console(
    tools: Tools, roster: Roster, target: Target, keys: Sequence[str], *, unit: str
) -> Count:
    lines = await tools.guests.console(target, keys, unit=unit, file=roster.file)
    return Count(players=len(await asyncio.to_thread(roster.present, lines)))


def _show(server_id: str, count: Count) -> None:
    PLAYERS.labels(server=server_id).set(count.players)
    if count.max_players is not None:
        MAX_PLAYERS.labels(server=server_id).set(count.max_players)


def _forget(server_id: str) -> None:
    """Show no figure rather than an old one."""
    for gauge in (PLAYERS, MAX_PLAYERS):
        with suppress(KeyError):
            gauge.remove(server_id)
