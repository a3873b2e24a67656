"""The shortest time in which a set of deployments could have been done, whoever schedules them.

A lower bound: what each piece took is taken as measured. Every deployment needs its own chain of
pieces, and two kinds of pieces have few places: clones (a few at a time on one template) and
runs in the guest (a few playbooks at a time). No schedule is shorter than the longest chain, nor
than what one kind of place has to get through, with the shortest way to it and from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What one deployment needs one after the other, in seconds."""

    clone: float
    until_guest: float  # the other tasks of the hypervisor, and the guest's boot
    in_guest: float  # SSH, playbook, first answer

    @property
    def whole(self) -> float:
        """How long it takes alone."""
        return self.clone + self.until_guest + self.in_guest


def shortest(chains: Sequence[Chain], *, clones_at_once: int, runs_at_once: int) -> float:
    """Return the bound, in seconds."""
    cloning = sum(chain.clone for chain in chains) / clones_at_once
    after_clone = min(chain.until_guest + chain.in_guest for chain in chains)
    running = sum(chain.in_guest for chain in chains) / runs_at_once
    before_run = min(chain.clone + chain.until_guest for chain in chains)
    longest = max(chain.whole for chain in chains)
    return max(longest, cloning + after_clone, before_run + running)
