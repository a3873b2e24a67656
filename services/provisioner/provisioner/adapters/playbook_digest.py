"""Which playbook it is: a digest of all that a game's play is made of."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from common.digest import digest_of

SHARED: Final = ("roles", "filter_plugins")
NOT_PLAYED: Final = frozenset({".md", ".pyc"})


def played(playbooks: Path, game: Path) -> str:
    """Return the digest; another one means that a play may write something else."""
    return digest_of(_parts(playbooks, game), below=playbooks)


def _parts(playbooks: Path, game: Path) -> Iterator[Path]:
    yield playbooks / "site.yml"
    for folder in (*(playbooks / name for name in SHARED), game):
        found = (file for file in folder.rglob("*") if file.suffix not in NOT_PLAYED)
        yield from sorted(file for file in found if file.is_file())
