"""The step that finds out what exactly a version is made of, and what only the guest can add."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from common.contracts.servers import Lock
from provisioner.domain.game import Game
from provisioner.domain.lock import RENEWING, Wish, chosen_alike, fits, noted, told, wish
from provisioner.domain.run import Run
from provisioner.installation import Installation, installation
from provisioner.patience import patiently
from provisioner.task import Task

PATIENCE: Final = 600.0  # seconds a vendor may be away, or a file may take that nobody vouches for
REMEDY: Final = (
    "Check that the provisioner may reach the vendor (name servers, firewall), or give it a "
    "mirror: SPAWNYARD_DOWNLOAD_BASE. Versions that are locked in the game's folder need nobody."
)


async def resolve(task: Task) -> Run:
    """Keep the lock there is if it fits, else ask whoever knows."""
    lock = await locked(task, await asyncio.to_thread(installation, task))
    return task.run.advanced(lock=lock)


async def locked(task: Task, what: Installation) -> Lock:
    """Return what exactly is to be installed."""
    wanted = wish(what.game, what.settings)
    known = next((lock for lock in _known(task, what.game, wanted) if fits(lock, wanted)), None)
    lock = known or await _asked(task, wanted)
    task.say("lock", f"{'as before' if known else 'resolved'}: {told(lock)}")
    return lock


def _known(task: Task, game: Game, wanted: Wish) -> Sequence[Lock]:
    """Return the locks of before, the server's own first; for a new version only what was told.

    Set to ``latest`` since, a server is not held to the version that was named before.
    """
    vm, run = task.vm, task.run
    is_newest_wanted = wanted.wants_latest and not chosen_alike(game, run.former, vm.spec)
    renews = vm.kind in RENEWING or is_newest_wanted
    found = (vm.spec.lock, None if renews else run.lock)
    return [lock for lock in found if lock is not None]


async def _asked(task: Task, wanted: Wish) -> Lock:
    return await patiently(
        lambda: task.tools.resolvers.resolve(wanted),
        seconds=PATIENCE,
        complaint=f"nobody told what {wanted.game} {wanted.version or ''} is made of",
        remedy=REMEDY,
        growth=2.0,
    )


async def with_what_the_guest_tells(task: Task, game: Game, lock: Lock) -> Lock:
    """Return the lock with the versions that a package manager has chosen."""
    guests, keys = task.tools.guests, task.run.host_keys
    packages: Mapping[str, str] = {}
    build: str | None = None
    if names := game.source.get("packages"):
        packages = await guests.packages(task.target, keys, names=names)
    if (app := game.source.get("app")) and game.directory:
        build = await guests.build(task.target, keys, directory=game.directory, app=app)
    return noted(lock, packages=packages, build=build)
