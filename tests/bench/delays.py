"""How long events took to arrive, from their commit: the percentiles of that."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delays:
    """Of all deliveries of a run, in seconds, the shortest first."""

    seconds: Sequence[float]

    def within(self, percent: float) -> float:
        """Return the shortest time within which so many of them arrived."""
        rank = math.ceil(len(self.seconds) * percent / 100)
        return self.seconds[max(rank, 1) - 1]


def delays(committed: Mapping[str, float], arrived: Iterable[Mapping[str, float]]) -> Delays:
    """Return how long each committed event took to each receiver.

    Raises ``ValueError`` if one of them did not get one: what never came counts as no figure.
    """
    found: list[float] = []
    for at in arrived:
        missing = committed.keys() - at.keys()
        if missing:
            raise ValueError(f"{len(missing)} of {len(committed)} events did not arrive")
        found += [at[event] - committed[event] for event in committed]
    if not found:
        raise ValueError("there was nothing to arrive, or nowhere")
    return Delays(sorted(found))
