"""Versions that a game's folder has locked itself: ``versions.yml`` beside the manifest."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from common.contracts.base import now
from common.contracts.servers import Lock
from provisioner.domain.errors import StepFailed
from provisioner.domain.lock import Wish


def versions(folder: Path) -> Mapping[str, Any]:
    """Return what the folder has locked, by version."""
    text = (folder / "versions.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["versions"]


def locked(folder: Path, wish: Wish) -> Lock | None:
    """Return the lock of the version that is wished for, if the folder has it."""
    found = versions(folder).get(wish.version or "")
    if found is None:
        return None
    return Lock(
        game=wish.game,
        variant=wish.variant,
        version=wish.version or "",
        definition=wish.definition,
        resolved_at=now(),
        **found,
    )


def resolve(folder: Path, wish: Wish) -> Lock:
    """Return the lock. Raises ``StepFailed`` if the version is not there."""
    lock = locked(folder, wish)
    if lock is None:
        known = ", ".join(list(versions(folder))[-12:]) or "no version"
        raise StepFailed(
            f"nobody here has locked version {str(wish.version)[:60]!r} of {wish.game}",
            remedy=f"Deploy again with a version that is locked ({known}).",
        )
    return lock
