"""Places that were just given: neither our records nor Proxmox's figures show them yet."""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

RECORDED: Final = 5.0  # seconds after which a place that was given stands in our records


@dataclass(slots=True)
class Promises:
    """Who asks at the same time as others has to be told of them, or all go to one node."""

    clock: Callable[[], float] = time.monotonic
    _given: deque[tuple[float, str]] = field(default_factory=deque[tuple[float, str]])

    def add(self, node: str) -> None:
        """Remember that a place on the node was given away."""
        self._given.append((self.clock(), node))

    def added_to(self, used: Mapping[str, int]) -> Mapping[str, int]:
        """Return our machines per node; some count twice for a moment, on every node alike."""
        while self._given and self.clock() - self._given[0][0] > RECORDED:
            self._given.popleft()
        return Counter(used) + Counter(node for _, node in self._given)
