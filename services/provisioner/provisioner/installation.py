"""What is to be installed: the game, its settings in the open, and what may not be told."""

from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from provisioner.domain.game import Game
from provisioner.domain.secrets import Opened, opened, texts_of
from provisioner.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A game with valid, complete settings; nothing of ``secrets`` may be told or kept."""

    game: Game
    settings: dict[str, JsonValue] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


def installation(task: Task) -> Installation:
    """Open the sealed settings, in memory. Raises ``StepFailed`` for what no game allows.

    For a thread of its own: the game's folder is read, which takes a while.
    """
    spec, games = task.vm.spec, task.tools.games
    found = _opened(task)
    game = games.find(spec.game, found.settings)
    if task.run.is_bake:  # defaults, which need not be enough for a game that runs
        game = replace(game, tasks=game.tasks_of_bake)
        return Installation(game=game, settings=dict(found.settings), secrets=())
    return Installation(
        game=game,
        settings=games.complete(game, found.settings),
        # All that was sealed, and what should have been.
        secrets=texts_of([*found.secrets, *(found.settings.get(name) for name in game.secrets)]),
    )


def _opened(task: Task) -> Opened:
    def open_one(envelope: str, pointer: str) -> bytes:
        return task.tools.seals.open(envelope, server_id=task.run.server_id, pointer=pointer)

    return opened(task.vm.spec.settings, open=open_one)
