"""What the nodes' status daemons last told of every machine: some seconds old, as in a cluster."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from proxmox_lab.clock import Clock

PERIOD: Final = 10.0  # seconds between two rounds
SHORT: Final = 0.005  # seconds a round may take without a rest after it
PATIENCE: Final = 20  # a round that took long is not begun again for so many times as long
Told = Mapping[int, Mapping[str, Any]]


class Broadcast:
    """Remembers one round. Who asks in between hears the same, and nothing of what is newer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._round = -math.inf
        self._told: Told = {}
        self._held: Told | None = None
        self._rested = 0.0

    def told(self, speak: Callable[[float], Told]) -> Told:
        """Return the last round. ``speak`` describes all machines made before a moment."""
        if self._held is not None:
            return self._held
        period = self._clock.scaled(PERIOD)
        now = self._clock.now() // period
        begun = time.perf_counter()
        if now != self._round and begun >= self._rested:
            self._round, self._told = now, speak(now * period)
            spent = time.perf_counter() - begun
            self._rested = begun + spent * PATIENCE if spent > SHORT else 0.0
        return self._told

    def hold(self, told: Told | None) -> None:
        """Stay with a round until told otherwise: a recording was made at its own moments."""
        self._held = told
