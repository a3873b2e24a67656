"""Dice that fall the same way every time: by seed, machine and turn, not by who comes first."""

import hashlib
from typing import Final

_WHOLE: Final = float(1 << 64)


def chance(seed: int, machine: int, turn: int, *, throw: str = "strike") -> float:
    """Return a number from 0 to below 1 that depends on nothing but what is given."""
    text = f"{seed}:{machine}:{turn}:{throw}"
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _WHOLE
