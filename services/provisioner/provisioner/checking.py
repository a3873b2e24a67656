"""The last step of a run: wait until the game is up, by its console and its own protocol."""

import asyncio
from typing import Final

from pydantic import JsonValue

from common.contracts import events as evt
from provisioner.domain.errors import NotYet, StepFailed
from provisioner.domain.game import Game, Sign, published
from provisioner.domain.play import plain, shown
from provisioner.domain.run import Run
from provisioner.installation import installation
from provisioner.patience import patiently
from provisioner.task import Task

NO_SIGN: Final = (
    "Read the game's last lines: it may still be making its world. If it is up, its words have "
    "changed: adapt `ready.console` in its manifest."
)


async def check(task: Task) -> Run:
    """Wait until the game has given its sign and answers its query, and announce the server."""
    vm = task.vm
    game = await asyncio.to_thread(task.tools.games.find, vm.spec.game, vm.spec.settings)
    door = published(vm.endpoint, game.query.port if game.query else game.port)
    try:
        answer = await patiently(
            lambda: _answer(task, game),
            seconds=game.ready_timeout,
            complaint=f"the game did not come up at {vm.endpoint.public_host}"
            f" port {door.public_port}",
            remedy="Read the game's last lines; check that its port can be reached from here.",
        )
    except StepFailed as failure:
        failure.last_lines = await _last_lines(task, game)
        raise
    return task.run.settled(
        _restored(task, game) if task.run.is_way_back else _up(task, game, answer)
    )


async def _answer(task: Task, game: Game) -> dict[str, JsonValue]:
    """Return what the game tells of itself. Raises ``NotYet``."""
    answer: dict[str, JsonValue] = {}
    endpoint = task.vm.endpoint
    if game.query is not None:
        port = published(endpoint, game.query.port).public_port
        answer = await task.tools.queries.ask(game.query.protocol, endpoint.public_host, port)
    if game.sign is not None and not (game.query and task.run.left_the_game_running):
        await _hear(task, game.sign, unit=game.unit)
    return answer


async def _hear(task: Task, sign: Sign, *, unit: str) -> None:
    """Raise ``NotYet`` unless the game has given its sign since it was started."""
    said = await task.tools.guests.console(
        task.target,
        task.run.host_keys,
        unit=unit,
        file=sign.file,
        first=task.run.left_the_game_running,
    )
    if not sign.is_among(said):
        raise NotYet("it has not said that it is up", remedy=NO_SIGN)


async def _last_lines(task: Task, game: Game) -> tuple[str, ...]:
    said = await task.tools.guests.last_lines(task.target, task.run.host_keys, unit=game.unit)
    try:
        secrets = (await asyncio.to_thread(installation, task)).secrets
    except StepFailed:
        return ()  # its settings fit no more: nobody knows which of its words are secret
    return tuple(plain(text, secrets=secrets) for text in said)


def _up(task: Task, game: Game, answer: dict[str, JsonValue]) -> evt.ServerReady:
    versions = {"definition": game.version}
    if isinstance(version := answer.get("version"), str):
        versions["game"] = plain(version)[:80]
    endpoint = task.vm.endpoint
    return evt.ServerReady(
        server_id=task.run.server_id,
        operation_id=task.run.operation_id,
        host=endpoint.public_host,
        ports=endpoint.ports,
        connect=game.connect_line(endpoint),
        versions=versions,
        query=shown(answer),
        timings=task.run.timings,
        lock=task.run.lock,
    )


def _restored(task: Task, game: Game) -> evt.ServerRestored:
    endpoint = task.vm.endpoint
    return evt.ServerRestored(
        server_id=task.run.server_id,
        operation_id=task.run.operation_id,
        host=endpoint.public_host,
        ports=endpoint.ports,
        connect=game.connect_line(endpoint),
    )
