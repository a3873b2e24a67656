"""What a prebaked template of a game is made by, in one digest: it changes when any of it does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from common.digest import digest_of

LENGTH: Final = 16  # hexadecimal digits: enough to tell versions of a folder apart


def recipe_of(folder: Path) -> str:
    """Return the digest for the game whose folder this is: its preparation, and all roles."""
    playbooks = folder.parent.parent
    return digest_of(_ingredients(folder, playbooks), below=playbooks)[:LENGTH]


def _ingredients(folder: Path, playbooks: Path) -> Iterator[Path]:
    named = (playbooks / "bake.yml", folder / "game.yml", folder / "prepare.yml")
    yield from (file for file in named if file.is_file())
    yield from sorted(file for file in (playbooks / "roles").rglob("*") if file.is_file())
