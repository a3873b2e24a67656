"""What exactly is to be installed: asked for in a manifest's words, held fast in a lock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import JsonValue

from common.contracts.servers import Lock, ServerSpec
from provisioner.domain.game import Game

LATEST: Final = "latest"
# A VM made for one of these is to have what is newest; all others keep what they have.
RENEWING: Final = frozenset({"deploy", "update"})
SHOWN: Final = 19  # characters of a checksum: enough to compare by eye


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A version that is wanted of a game's variant; none or ``latest``: the newest.

    ``source``: how the manifest says a lock is made.
    """

    game: str
    definition: str
    variant: str | None
    version: str | None
    source: Mapping[str, Any] = field(repr=False)

    @property
    def wants_latest(self) -> bool:
        """Whether it is left to the vendor which version it is."""
        return self.version in {None, LATEST}


def wish(game: Game, settings: Mapping[str, JsonValue]) -> Wish:
    """Return what these settings wish of the game."""
    setting = game.source.get("setting")
    wanted = None if setting is None else settings.get(setting)
    return Wish(
        game=game.id,
        definition=game.version,
        variant=game.variant,
        version=None if wanted is None else str(wanted),
        source=game.source,
    )


def fits(lock: Lock, wish: Wish) -> bool:
    """Whether what was locked once is what is wished for now."""
    if (lock.game, lock.variant) != (wish.game, wish.variant):
        return False
    return wish.wants_latest or wish.version == lock.version


def chosen_alike(game: Game, before: ServerSpec | None, after: ServerSpec) -> bool:
    """Whether the version is chosen as it was ``before``; if nobody knows how, it is not."""
    setting = game.source.get("setting")
    if setting is None:
        return True
    return before is not None and before.settings.get(setting) == after.settings.get(setting)


def told(lock: Lock) -> str:
    """Say in one line what is locked."""
    runtime = ", ".join(f"{name} {version}" for name, version in lock.runtime.items())
    files = ", ".join(
        f"{file.name} ({(file.checksum or 'no checksum')[:SHOWN]})" for file in lock.artefacts
    )
    what = " ".join(part for part in (lock.game, lock.variant, lock.version) if part)
    return "; ".join(part for part in (what, files, runtime) if part)


def noted(lock: Lock, *, packages: Mapping[str, str], build: str | None) -> Lock:
    """Return the lock with what only the guest could tell: versions of packages, a build."""
    changes: dict[str, object] = {}
    if packages:
        first = next(iter(packages.values()))
        changes = {"packages": dict(packages), "version": lock.version or first}
    if build is not None:
        changes["build"] = build
    return lock.model_copy(update=changes)


def installed(lock: Lock) -> dict[str, JsonValue]:
    """Return what a playbook is told of a lock: nothing that changes without a change."""
    return lock.model_dump(mode="json", exclude={"resolved_at", "definition", "note"})
